"""A network behind the contract's door.

The contract: input `content` and output `pastiche`, uint8 `(N, H, W, 3)`, RGB, sRGB; the same N, H, W out as in, for
every H, W >= 64. Scaling, mirroring up to the network's size multiple, cropping back, clamping and rounding to the
nearest level are inside the graph, and what the style is stands in the file's metadata.

A network of several styles has an input `style`, float32 `(S,)`, weights of its styles that sum to 1; one with
strengths has an input `strength`, float32 without axes, from 0 to 1.5.
"""

import torch
from torch import Tensor, nn

from fast_nst.networks import StyleNetwork
from fast_nst.networks.base import painted_share


class ContractModule(nn.Module):
    """A network behind the contract's door: uint8 `(N, H, W, 3)` in, the same out.

    Args:
        network: paints.
        dtype: of the arithmetic in between, `torch.float32` or `torch.float16`; the network's weights are of it.
    """

    def __init__(self, network: StyleNetwork, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.network, self.dtype = network, dtype

    def forward(self, content: Tensor, style: Tensor | None = None, strength: Tensor | None = None) -> Tensor:
        """Scale, repaint, clamp, round; weave the phases last, when a pixel is three bytes.

        Args:
            content: uint8 `(N, H, W, 3)`.
            style: float32 `(S,)`; None is the first style.
            strength: float32 without axes; None is 1.
        """
        height, width = content.shape[1:3]
        row = self.network.style_row(style, strength).to(self.dtype)
        phases = self.network.phases(content.permute(0, 3, 1, 2).to(self.dtype) / 255, row)
        levels = (phases.clamp(0, 1) * 255).round().to(torch.uint8)
        pastiche = _weave_levels(levels, self.network.period)[:, :height, :width]
        if strength is None:
            return pastiche
        share = painted_share(strength)
        return (content * (1 - share) + pastiche * share).round().to(torch.uint8)


def _weave_levels(levels: Tensor, period: int) -> Tensor:
    """Turn phases `(N, period * period * 3, h, w)` into pixels `(N, period * h, period * w, 3)`.

    Whole rows are moved, which ONNX Runtime does many times faster than single pixels.
    """
    rows = [row.permute(0, 2, 3, 1) for row in levels.chunk(period, dim=1)]  # (N, h, w, period * 3)
    beside = torch.cat(rows, dim=2)  # (N, h, row phase * w, period * 3): in memory as the pixels are
    return beside.reshape(levels.shape[0], period * levels.shape[2], period * levels.shape[3], 3)
