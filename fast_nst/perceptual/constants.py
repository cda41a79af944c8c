"""Whose formula is meant, for every measure of content and of style.

Every function in `content`, `style` and `smoothness` returns one value an image, `(N,)`, so that a batch, a single
picture and a comparison over many all mean the same number. `F` and `P` are a layer's activations of the pastiche and
of the photograph, `g` and `a` the Gram matrices `F F^T / C H W` of the pastiche and of the painting:

===================  ===============================  ====================================  =======================
measure              `relative`                       `gatys2016`                           `johnson2016`
===================  ===============================  ====================================  =======================
features             ||F - P||^2 / ||P||^2            1/2 ||F - P||^2                       ||F - P||^2 / C H W
gradients            the same of the differences of neighbouring activations, along and down
pixels               mean over pixels and channels    1/2 of the sum                        mean
ssim                 1 - SSIM                         1 - SSIM                              1 - SSIM
gram, centred_gram   ||g - a||^2 / ||a||^2            1/4 ||g - a||^2                       ||g - a||^2
moments              squared distance / ||target||^2  mean over channels                    mean over channels
sliced_wasserstein   squared distance / ||target||^2  mean over positions and directions    the same
total variation      mean over pixels                 sum over pixels                       sum over pixels
===================  ===============================  ====================================  =======================

`relative` is this project's own: each term is the share of the target's energy that is missed, so layers, paintings and
weight files of any scale count nearly alike; `balance` does the rest. Gatys' `1 / (4 N^2 M^2)` with an undivided
Gram matrix is `1/4` with ours, exactly when the style image has the size of the pastiche; when it has another, dividing
each Gram matrix by its own size keeps the formula meaningful. Neither paper has the measures below `gram`, `features`
and `pixels`; under its constants they have those of the paper that proposed them, as `content` and `style` say.
"""

from typing import Literal

Constants = Literal["relative", "gatys2016", "johnson2016"]
