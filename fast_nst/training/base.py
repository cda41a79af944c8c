"""The network that a run starts from: one that has learnt to paint already, and now learns another style."""

from pathlib import Path

from torch import Tensor

from fast_nst.networks.styled import widened
from fast_nst.shipped import shipped_files

BASE = "base"
"""What `init_from` says for the shipped network of the preset."""


def base_file(preset: str) -> Path | None:
    """Return the shipped weights of `preset`, or None where there are none."""
    return shipped_files("models", "*.safetensors").get(f"{BASE}-{preset}")


def load_base(preset: str) -> dict[str, Tensor]:
    """Return the shipped weights of `preset`, float32, under the network's own names."""
    from safetensors.torch import load_file

    file = base_file(preset)
    assert file is not None
    return {name: weight.float() for name, weight in load_file(file).items()}


def load_base_of_one_style(preset: str) -> dict[str, Tensor]:
    """Return the same with a single style, the mean of all, and without strengths."""
    weights = load_base(preset)
    photograph, row = weights.pop("photograph", None), weights["styles"].mean(0, keepdim=True)
    return weights | {"styles": row if photograph is None else widened(row, len(photograph))}
