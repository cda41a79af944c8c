"""From a network to one self-contained `.onnx` file that keeps the model contract.

* `contract`: the network behind the contract's door, uint8 in and out.
* `file`: tracing, writing, and holding the file against PyTorch.
* `rewrites`: the same graph with fewer nodes.
* `reading`: the network of a file, read back; `adding`: one more style for a file of many.
* `fixing`: a file with style and strength chosen once and for all.
* `precision`: float16 and int8 arithmetic, and what they cost.
"""

from fast_nst.export.contract import ContractModule
from fast_nst.export.file import export_network, parity

__all__ = ["ContractModule", "export_network", "parity"]
