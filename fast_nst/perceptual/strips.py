"""A loss network's activations of a large image in strips: the same activations and gradients, in bounded memory.

In one piece, the gradient needs the activations of every layer, those of the first ones at the image's full size. In
strips, only the activations asked for are kept; the others are computed again for the gradient, a strip at a time. That
takes half as long again. Strips overlap by what the deepest layer sees, and lie on the poolings' grid.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

Look = Callable[[Tensor, Collection[str]], dict[str, Tensor]]
"""From an image `(N, 3, H, W)` and names of layers to their activations."""


class Strip(NamedTuple):
    """Rows `top` to `bottom` of an image, computed from the rows `first` to `last`."""

    top: int
    bottom: int
    first: int
    last: int


def features_in_strips(look: Look, image: Tensor, layers: Collection[str], strip_pixels: int) -> dict[str, Tensor]:
    """Return `look(image, layers)`, computed in strips of about `strip_pixels` pixels; gradients are, too.

    Args:
        look: a VGG by its layers' names: 3x3 convolutions with padding, and 2x2 poolings between the blocks.
        image: `(N, 3, H, W)`.
        layers: `conv1_1` .. `relu5_4`.
        strip_pixels: pixels of a strip, without the overlap.
    """
    if not layers:
        return {}
    names = sorted(layers)
    activations = _InStrips.apply(image, look, names, strip_pixels)
    return dict(zip(names, activations, strict=True))


class _InStrips(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, look: Look, names: list[str], strip_pixels: int) -> tuple[Tensor, ...]:
        ctx.save_for_backward(image)
        ctx.look, ctx.names, ctx.strip_pixels = look, names, strip_pixels
        whole: dict[str, Tensor] = {}
        for strip in strips(image, names, strip_pixels):
            for name, part in look(image[:, :, strip.first : strip.last], names).items():
                if name not in whole:
                    scale = _scale(name)
                    shape = (len(image), part.shape[1], image.shape[2] // scale, image.shape[3] // scale)
                    whole[name] = part.new_empty(shape)
                inside, rows = _rows(name, strip)
                whole[name][:, :, rows] = part[:, :, inside]
        return tuple(whole[name] for name in names)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (image,) = ctx.saved_tensors
        total = torch.zeros_like(image)
        for strip in strips(image, ctx.names, ctx.strip_pixels):
            with torch.enable_grad():
                part = image[:, :, strip.first : strip.last].detach().requires_grad_()
                found = ctx.look(part, ctx.names)
                inside = {name: found[name][:, :, _rows(name, strip)[0]] for name in ctx.names}
            wanted = [
                gradient[:, :, _rows(name, strip)[1]] for name, gradient in zip(ctx.names, gradients, strict=True)
            ]
            torch.autograd.backward(list(inside.values()), wanted)
            assert part.grad is not None
            total[:, :, strip.first : strip.last] += part.grad
        return total, None, None, None


def strips(image: Tensor, layers: Collection[str], strip_pixels: int) -> Iterator[Strip]:
    """Cut an image `(N, 3, H, W)` into strips whose borders lie on the grid of the poolings before `layers`."""
    height, width = image.shape[2:]
    grid = max(map(_scale, layers))
    rows = max(1, strip_pixels // (len(image) * width * grid)) * grid
    halo = -(-_radius(layers) // grid) * grid
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        if bottom // grid == top // grid:  # the deepest layer has no row here: its pooling leaves them out
            continue
        if height - bottom < grid:
            bottom = height
        yield Strip(top, bottom, max(0, top - halo), min(height, bottom + halo))


def _rows(layer: str, strip: Strip) -> tuple[slice, slice]:
    """Return the rows of a layer's activations that a strip gives: in what was computed, and in the whole."""
    scale = _scale(layer)
    top, bottom = strip.top // scale, strip.bottom // scale
    first = strip.first // scale
    return slice(top - first, bottom - first), slice(top, bottom)


def _scale(layer: str) -> int:
    """Return by how much the poolings before a layer shrink an image."""
    return 1 << (int(layer[4]) - 1)


def _radius(layers: Collection[str]) -> int:
    """Return how far a layer's activations see at most, px to each side."""
    block, number = max((int(layer[4]), int(layer.partition("_")[2])) for layer in layers)
    earlier = {1: 2, 2: 2, 3: 4, 4: 4}  # convolutions of VGG-19, which has no fewer than VGG-16
    convolutions = sum(earlier[before] << (before - 1) for before in range(1, block)) + (number << (block - 1))
    poolings = (1 << (block - 1)) - 1
    return convolutions + poolings
