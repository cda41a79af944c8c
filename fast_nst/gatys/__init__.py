"""The slow reference: repaint a photograph by optimising its own pixels.

The same objective that trains networks is minimised over the pastiche itself. A step is one evaluation of the objective
and its gradient: L-BFGS runs without a line search, as in the authors' code and in [Johnson2016], so that "k steps"
means what it means there.

* `config`: everything a run can be told.
* `start`: the picture to start from.
* `descent`: the optimisers, on one picture.
* `repainting`: from pixels to pixels, coarse to fine.
* `album`: what a run leaves behind: curves, snapshots, an animation.

References:
    [Gatys2016] Image Style Transfer Using Convolutional Neural Networks, CVPR 2016.
    [Gatys2017] Controlling Perceptual Factors in Neural Style Transfer, CVPR 2017 (coarse to fine).
    [Johnson2016] Perceptual Losses for Real-Time Style Transfer and Super-Resolution, arXiv:1603.08155.
"""

from fast_nst.gatys.album import Album
from fast_nst.gatys.config import OPTIMIZERS, GatysConfig, Optimizer
from fast_nst.gatys.descent import OnStep, Step, optimize
from fast_nst.gatys.repainting import expected_seconds, repaint, settled
from fast_nst.gatys.start import start_image

__all__ = [
    "OPTIMIZERS",
    "Album",
    "GatysConfig",
    "OnStep",
    "Optimizer",
    "Step",
    "expected_seconds",
    "optimize",
    "repaint",
    "settled",
    "start_image",
]
