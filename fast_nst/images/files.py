"""Output files: one appears whole or not at all, and replaces nothing unasked."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fast_nst.errors import FastNstError
from fast_nst.images.picture import StrPath


def check_replaceable(path: StrPath, *, overwrite: bool, raises: type[FastNstError] = FastNstError) -> None:
    """Raise an error of the class `raises` when `path` is a folder, or exists and `overwrite` is False."""
    path = Path(path)
    if not os.path.exists(path):  # noqa: PTH110 (Path.exists raises on an overlong name)
        return
    if path.is_dir():
        raise raises(f"{path}: a folder has this name; choose another output")
    if not overwrite:
        raise raises(f"{path}: exists already; give --overwrite to replace it, or choose another output")


@contextmanager
def atomic_path(path: StrPath, *, raises: type[FastNstError] = FastNstError) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` when the block ends well, and vanishes when it does not.

    The temporary file lies in the same folder, is hidden, and has the same suffix.  Missing folders are made.

    Raises:
        FastNstError: of the class `raises`, in place of any `OSError`: no permission, a full disk.
    """
    path = Path(path)
    temporary = path.with_name(f".fast-nst-{secrets.token_hex(6)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise raises(f"{path}: cannot be written ({reason}); check the folder and the free space") from error
