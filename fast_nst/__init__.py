"""Fast neural style: one small network per painting, run anywhere from one ONNX file.

Where things live, from the ground up:

* `errors`, `images`: what goes wrong; pixels to and from files.
* `inference`: run a style (numpy and ONNX Runtime, no PyTorch).
* `perceptual`: what "looks like" means: VGG features, losses, the objective.
* `networks`: image transformation networks.
* `export`, `training`, `gatys`, `compare`: make a style, and hold it against the slow method.
* `cli`: one file per command.
"""

__version__ = "0.1.0"
