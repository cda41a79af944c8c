"""The image transformation network of Johnson et al., with instance norm and resize-convolution.

References:
    [Johnson2016] Perceptual Losses for Real-Time Style Transfer and Super-Resolution, arXiv:1603.08155, and its
        supplementary material for the layers.
    [Ulyanov2016] Instance Normalization: The Missing Ingredient for Fast Stylization, arXiv:1607.08022.
"""

from torch import Tensor, nn

from fast_nst.networks.base import StyleNetwork, squash
from fast_nst.networks.blocks import ConvBlock, ResidualBlock, UpsampleBlock, WideConv2d
from fast_nst.networks.styled import StyledSequential


class JohnsonNetwork(StyleNetwork):
    """Down twice, five residual blocks at a quarter of the size, up twice.

    Deviates from [Johnson2016] in three places: instance norm for batch norm [Ulyanov2016], resize-convolution for
    the strided deconvolutions (no checkerboard), and a tanh that reaches slightly beyond [0, 1] around mid-grey
    rather than around the ImageNet mean, so that pure black and white are not its asymptotes.

    Args:
        channels: width at full, half and quarter size; the paper has 32, 64, 128.
        residual_blocks: the paper has 5.
        padded: True mirrors the border before each convolution (the paper does it once, at the input, for its unpadded
            residual blocks, and pads the rest with zeros); False mirrors it once and never pads again.
    """

    size_multiple = 4  # two halvings

    def __init__(
        self, channels: tuple[int, int, int] = (32, 64, 128), residual_blocks: int = 5, *, padded: bool
    ) -> None:
        super().__init__()
        full, half, quarter = channels
        # Without padding, S px become S - 28 - 16 * residual_blocks. The margin leaves two px more than needed, which
        # `forward` crops at the top and left: there a stride-2 convolution looks one px further right and down.
        self.receptive_radius = 17 + 8 * residual_blocks  # px: 4 + 1 + 2 + 2 + 1 + 4, and 3 by the halvings' phase
        self.margin = 0 if padded else 15 + 8 * residual_blocks
        self.offset = 0 if padded else 2
        self.layers = StyledSequential(
            ConvBlock(3, full, 9, padded=padded),
            ConvBlock(full, half, 3, stride=2, padded=padded),
            ConvBlock(half, quarter, 3, stride=2, padded=padded),
            *(ResidualBlock(quarter, padded=padded) for _ in range(residual_blocks)),
            UpsampleBlock(quarter, half, padded=padded),
            UpsampleBlock(half, full, padded=padded),
            *([nn.ReflectionPad2d(4)] if padded else []),
            WideConv2d(full, 3, 9),
        )
        self.hold_styles(1)

    def phases(self, content: Tensor, style: Tensor, place: tuple[int, int] = (0, 0)) -> Tensor:
        """Repaint `content`; see `StyleNetwork`."""
        height, width = content.shape[2:]
        pastiche = self.layers(self.enlarge(content), style)[:, :, self.offset :, self.offset :]
        return squash(pastiche[:, :, :height, :width])
