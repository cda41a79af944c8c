"""The exit codes of every command."""

DONE = 0
SOME_FAILED = 1
"""Some inputs failed; the rest are done."""
FAILED = 2
"""Nothing could be done: usage, missing file, bad model."""
INTERRUPTED = 130
"""Stopped by Ctrl-C."""
