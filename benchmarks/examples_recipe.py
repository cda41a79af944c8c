"""The recipe of pytorch/examples' fast_neural_style, written anew, as what others train with: the baseline.

Johnson's network as printed there (reflection padding for each convolution, nearest-neighbour doubling, a linear output
in 0..255), VGG-16 up to relu4_3 in float32 in the plain memory order, photographs decoded, resized and cropped in the
loop, Gram matrices of the painting from a batch of copies of it, Adam at 1e-3. Random VGG weights do for timing.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import Tensor, nn
from torchvision import transforms

_TAPS = {3: "relu1_2", 8: "relu2_2", 15: "relu3_3", 22: "relu4_3"}  # positions in torchvision's features
_CONTENT_WEIGHT, _STYLE_WEIGHT = 1e5, 1e10


def _convolution(channels_in: int, channels_out: int, size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.ReflectionPad2d(size // 2), nn.Conv2d(channels_in, channels_out, size, stride))


def _block(channels_in: int, channels_out: int, size: int, stride: int = 1) -> nn.Sequential:
    norm = nn.InstanceNorm2d(channels_out, affine=True)
    return nn.Sequential(_convolution(channels_in, channels_out, size, stride), norm, nn.ReLU())


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(_block(128, 128, 3), _convolution(128, 128, 3), nn.InstanceNorm2d(128, affine=True))

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.body(hidden)


def network() -> nn.Module:
    """Return the image transformation network: `(N, 3, H, W)` in 0..255 to the same, 1.68 million parameters."""
    return nn.Sequential(
        _block(3, 32, 9),
        _block(32, 64, 3, 2),
        _block(64, 128, 3, 2),
        *(_Residual() for _ in range(5)),
        nn.Upsample(scale_factor=2, mode="nearest"),
        _block(128, 64, 3),
        nn.Upsample(scale_factor=2, mode="nearest"),
        _block(64, 32, 3),
        _convolution(32, 3, 9),
    )


class Recipe:
    """One training run, step by step.

    Args:
        paths: photographs.
        style_image: `(1, 3, H, W)` in [0, 1].
        crop_size: px.
        batch_size: photographs a step.
        device: where it runs.
    """

    def __init__(
        self, paths: Sequence[str], style_image: Tensor, crop_size: int, batch_size: int, device: torch.device
    ) -> None:
        self.paths, self.batch_size, self.device, self.done = paths, batch_size, device, 0
        self.transform = transforms.Compose(
            [
                transforms.Resize(crop_size),
                transforms.CenterCrop(crop_size),
                transforms.ToTensor(),
                transforms.Lambda(lambda image: image.mul(255)),
            ]
        )
        torch.manual_seed(0)
        self.network = network().to(device)
        self.adam = torch.optim.Adam(self.network.parameters(), lr=1e-3)
        self.vgg = torchvision.models.vgg16(weights=None).features[:23].to(device)
        for module in self.vgg:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        self.vgg.requires_grad_(requires_grad=False)
        style = (255 * style_image).repeat(batch_size, 1, 1, 1).to(device)
        self.style_grams = {name: _gram(tap) for name, tap in self._taps(style).items()}

    def step(self) -> Tensor:
        """Train on the next photographs, and return the loss."""
        first = self.done * self.batch_size
        paths = [self.paths[(first + place) % len(self.paths)] for place in range(self.batch_size)]
        content = torch.stack([self.transform(Image.open(path).convert("RGB")) for path in paths]).to(self.device)
        self.done += 1
        self.adam.zero_grad()
        pastiche = self.network(content)
        taps, content_taps = self._taps(pastiche), self._taps(content)
        loss = _CONTENT_WEIGHT * F.mse_loss(taps["relu2_2"], content_taps["relu2_2"])
        for name, tap in taps.items():
            loss = loss + _STYLE_WEIGHT * F.mse_loss(_gram(tap), self.style_grams[name])
        loss.backward()
        self.adam.step()
        return loss.detach()

    def _taps(self, image: Tensor) -> dict[str, Tensor]:
        mean = image.new_tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
        std = image.new_tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
        hidden, found = (image / 255 - mean) / std, {}
        for position, module in enumerate(self.vgg):
            hidden = module(hidden)
            if position in _TAPS:
                found[_TAPS[position]] = hidden
        return found


def _gram(features: Tensor) -> Tensor:
    count, channels, height, width = features.shape
    flat = features.view(count, channels, height * width)
    return flat.bmm(flat.transpose(1, 2)) / (channels * height * width)
