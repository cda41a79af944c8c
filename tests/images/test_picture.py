"""The sizes of pictures, and what importing the package brings."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fast_nst.images import fit, fit_size, resize


def test_resize_keeps_flat_colours_and_dtype():
    resized = resize(np.full((5, 9, 3), 77, np.uint8), 11, 4)
    assert (resized.shape, resized.dtype, resized.min(), resized.max()) == ((11, 4, 3), np.uint8, 77, 77)


def test_resize_takes_planes():
    assert resize(np.full((5, 9), 200, np.uint8), 3, 2).tolist() == [[200, 200]] * 3


@pytest.mark.parametrize(
    ("size", "longer_side", "fitted"),
    [
        ((300, 400), 200, (150, 200)),
        ((400, 300), 800, (800, 600)),
        ((1, 5000), 100, (1, 100)),
        ((333, 500), 50, (33, 50)),
    ],
)
def test_fit_size_keeps_the_shape(size, longer_side, fitted):
    assert fit_size(*size, longer_side) == fitted


def test_a_picture_is_fitted_by_its_longer_side():
    assert fit(np.zeros((20, 40, 3), np.uint8), 10).shape == (5, 10, 3)
    assert fit(np.zeros((40, 20, 3), np.uint8), 80).shape == (80, 40, 3)


@given(height=st.integers(1, 20_000), width=st.integers(1, 20_000), longer_side=st.integers(1, 10_000))
def test_fit_size_hits_the_longer_side(height, width, longer_side):
    fitted = fit_size(height, width, longer_side)
    assert max(fitted) == longer_side
    assert min(fitted) >= 1


def test_importing_brings_neither_torch_nor_what_only_some_pictures_need():
    code = "import sys, fast_nst.images as _; print(*{'torch', 'PIL.ImageCms', 'pillow_heif'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
