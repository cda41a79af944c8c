"""Teach a network a style: the only place that knows Lightning.

* `config`: everything a run can be told.
* `data`, `module`, `callbacks`: photographs, the steps, what happens around them.
* `run`: one run, from a configuration to an `.onnx` file.
* `checkpoint`: a run read back.
"""
