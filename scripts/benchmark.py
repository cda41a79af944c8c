"""`fast-nst benchmark` from a clone, installed or not: python scripts/benchmark.py --help."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # last, so that an installed fast_nst comes first

from fast_nst.cli import main

if __name__ == "__main__":
    sys.exit(main(["benchmark", *sys.argv[1:]]))
