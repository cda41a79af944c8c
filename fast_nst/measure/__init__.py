"""What `compare` and `benchmark` measure with, without PyTorch.

* `isolation`: a process of its own for what is measured, and its memory.
* `machine`: what figures depend on that no option says.
* `stats`: medians and their spread.
"""
