"""Tables on a terminal."""

from collections.abc import Sequence


def align(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as lines, with every column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
