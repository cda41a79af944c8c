"""Teach a network a style: the only place that knows Lightning.

* `config`: everything a run can be told.
* `sources`, `data`: photographs and where they come from.
* `module`, `callbacks`: the steps, and what happens around them.
* `base`: the network that a run starts from.
* `run`: one run, from a configuration to an `.onnx` file.
* `checkpoint`: a run read back.
"""
