"""Teach a network a style: the only place that knows Lightning.

* `config`: everything a run can be told.
* `sources`, `data`, `feed`: where photographs come from, what is cut from them, and in which order.
* `module`, `callbacks`: the steps, and what happens around them.
* `base`, `machine`: the network that a run starts from, and what it makes of the machine it is on.
* `run`, `guards`: one run, from a configuration to an `.onnx` file, and what stands around it.
* `checkpoint`: a run read back.
"""
