"""Make the weights that training starts from out of a checkpoint.

python scripts/make_base.py runs/NAME/last.ckpt -o models/base-PRESET.safetensors

Any trained network will do: what it has learnt of its own painting is soon replaced, and what it has learnt of painting
is what a new one needs. The weights are stored as float16.
"""

import argparse
import sys
from pathlib import Path

from safetensors.torch import save_file

from fast_nst.images import atomic_path
from fast_nst.training.checkpoint import load_checkpoint


def main() -> None:
    """Read and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    trained = load_checkpoint(args.checkpoint)
    weights = {name: weight.half().contiguous() for name, weight in trained.network.state_dict().items()}
    with atomic_path(args.output) as temporary:
        save_file(weights, temporary, metadata={"preset": trained.config.preset, "trained_on": trained.title()})


if __name__ == "__main__":
    sys.exit(main())
