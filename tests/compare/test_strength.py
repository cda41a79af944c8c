"""Strength in the shipped network of many styles: more is further from the photograph and nearer to the style."""

import numpy as np
import pytest
import torch

from fast_nst.images import fit, read_pixels
from fast_nst.inference import Stylizer
from fast_nst.inference.demo import find_photographs
from fast_nst.perceptual import Objective, ObjectiveConfig, to_image

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
MANY = Stylizer("many", threads=1)


@pytest.fixture(scope="module")
def photographs():
    return [fit(read_pixels(path), 192) for path in find_photographs()]


@pytest.mark.parametrize("style", MANY.styles)
@torch.no_grad()
def test_content_rises_and_style_falls_with_strength(style, photographs):
    contents, styles = [], []
    for photograph in photographs:
        painted = [MANY.choose([style], strength=strength)(photograph) for strength in STRENGTHS]
        np.testing.assert_array_equal(painted[0], photograph)
        # The paintings are not here; what is painted at full strength stands for them.
        objective = Objective(ObjectiveConfig(loss_network="mini", tv_weight=0.0), to_image(painted[-1]))
        targets = objective.content_targets(to_image(photograph))
        losses = [objective(to_image(pastiche), targets).floats() for pastiche in painted]
        contents.append([loss["content"] for loss in losses])
        styles.append([loss["style"] for loss in losses])
    assert (np.diff(np.mean(contents, axis=0)) > 0).all()
    assert (np.diff(np.mean(styles, axis=0)) < 0).all()
