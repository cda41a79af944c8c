"""The command line: `fast-nst`, one file per command, no logic."""

from fast_nst.cli.app import main

__all__ = ["main"]
