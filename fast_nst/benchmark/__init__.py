"""How fast styles run here: the network alone and the whole command, side by side with any other model.

* `config`: what is to be timed.
* `network`: models in ONNX Runtime, in turns. `command`: `fast-nst stylize`, from the start of the process to its end.
* `report`: all of it, as records and as a table.
* `photograph`: a picture to paint, of any size.

Every figure is taken in a process of its own. No PyTorch.
"""
