"""Run a style on pictures, with numpy and ONNX Runtime alone.

* `zoo`: which styles are shipped, and where a style's file is.
* `stylizer`: one `.onnx` file as a function from uint8 pixels to uint8 pixels.
* `plan`: which file is written where.
* `batch`: many files at once, reading, painting and writing side by side.
* `sheet`: pictures in a labelled table.
"""

from fast_nst.inference.stylizer import StyleInfo, Stylizer
from fast_nst.inference.zoo import find_style, shipped_styles

__all__ = ["StyleInfo", "Stylizer", "find_style", "shipped_styles"]
