"""`python -m fast_nst` is `fast-nst`."""

import sys

from fast_nst.cli import main

sys.exit(main())
