"""An image to judge."""

import pytest
import torch
from torch import Tensor


@pytest.fixture
def image() -> Tensor:
    """Noise, `(2, 3, 24, 20)` in [0, 1]."""
    return torch.rand(2, 3, 24, 20, generator=torch.Generator().manual_seed(1))
