"""Where photographs come from: folders, patterns and files, or any store that fsspec knows (`s3://`, `gs://`, `hf://`).

A photograph is named by a string, its path or its URL, and read when it is needed; nothing is copied to the disk.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

from fast_nst.errors import ConfigError, ImageError, first_line
from fast_nst.images import MAX_MEGAPIXELS, SUFFIXES, Pixels, decode_pixels, find_pictures, read_pixels

_EXTRAS = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "hf": "huggingface_hub", "abfs": "adlfs", "az": "adlfs"}


def is_url(place: str) -> bool:
    """Return whether `place` is a URL such as `s3://bucket/folder`, and not a path."""
    return "://" in place


def find_photographs(places: Sequence[str]) -> list[str]:
    """List the photographs of folders, patterns, files and URLs, in an order that does not change.

    Raises:
        ImageError: when a place is missing or holds none.
        ConfigError: when a package that a URL needs is not installed.
    """
    found = [str(path) for path, _ in find_pictures([place for place in places if not is_url(place)])]
    for place in places:
        if is_url(place):
            found += _list_url(place)
    return list(dict.fromkeys(found))


def read_photograph(place: str, *, max_megapixels: float = MAX_MEGAPIXELS, min_side: int | None = None) -> Pixels:
    """Return the pixels of a photograph, uint8 `(H, W, 3)`; see `read_picture` for the arguments.

    Raises:
        ImageError: when it is missing, is no picture, or is damaged.
    """
    if not is_url(place):
        return read_pixels(place, max_megapixels=max_megapixels, min_side=min_side)
    import fsspec

    try:
        store, path = fsspec.core.url_to_fs(place)
        data = store.cat_file(path)
    except Exception as error:  # every store has errors of its own
        raise ImageError(f"{place}: cannot be read ({first_line(error)})") from error
    return decode_pixels(data, place, max_megapixels=max_megapixels, min_side=min_side)


def _list_url(url: str) -> list[str]:
    import fsspec

    try:
        store, root = fsspec.core.url_to_fs(url)
        paths = store.glob(root) if "*" in root else store.find(root)
    except (ImportError, ValueError) as error:  # the latter for a protocol that nobody knows
        package = _EXTRAS.get(url.partition("://")[0])
        advice = (
            f"pip install {package}" if package else "expected one that fsspec knows, such as s3://, gs:// or hf://"
        )
        raise ConfigError(f"{url}: {first_line(error)}; {advice}") from error
    except Exception as error:  # every store has errors of its own
        raise ImageError(f"{url}: cannot be listed ({first_line(error)}); check it and your credentials") from error
    photographs = sorted(path for path in paths if PurePosixPath(path).suffix.lower() in SUFFIXES)
    if not photographs:
        raise ImageError(f"{url}: no pictures there; expected {' '.join(sorted(SUFFIXES))}")
    return [store.unstrip_protocol(path) for path in photographs]
