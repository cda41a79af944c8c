"""`fast-nst sweep` from a clone, installed or not: python scripts/sweep.py --help."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # last, so that an installed fast_nst comes first

from fast_nst.cli import main

if __name__ == "__main__":
    sys.exit(main(["sweep", *sys.argv[1:]]))
