"""Photographs from folders and from stores behind URLs."""

import fsspec
import numpy as np
import pytest

from fast_nst.errors import ConfigError, ImageError
from fast_nst.images import Picture, read_pixels, write_picture
from fast_nst.training.sources import find_photographs, read_photograph


def test_folders_and_urls_are_listed_together(bucket, photographs):
    local, remote = find_photographs([str(photographs)]), find_photographs([bucket])

    assert len(local) == len(remote) == 10
    assert all(place.startswith("memory://") for place in remote)
    assert find_photographs([bucket, str(photographs), bucket]) == local + remote


def test_a_pattern_in_a_url_is_understood(bucket):
    assert len(find_photographs([f"{bucket}/*.png"])) == 8  # two more lie in a folder below


def test_a_photograph_behind_a_url_is_the_one_in_the_folder(bucket, photographs):
    local, remote = find_photographs([str(photographs)]), find_photographs([bucket])
    named = {place.rpartition("/")[2]: place for place in remote}
    for place in local:
        np.testing.assert_array_equal(read_photograph(named[place.rpartition("/")[2]]), read_pixels(place))


def test_a_large_jpeg_behind_a_url_may_be_decoded_smaller(tmp_path):
    write_picture(tmp_path / "large.jpg", Picture(np.zeros((800, 800, 3), np.uint8)))
    fsspec.filesystem("memory").pipe("/large.jpg", (tmp_path / "large.jpg").read_bytes())

    assert read_photograph("memory://large.jpg", min_side=150).shape == (200, 200, 3)


def test_what_is_wrong_with_a_url_is_said(bucket):
    with pytest.raises(ImageError, match=r"memory://bucket/nothing: no pictures there; expected .*\.jpg"):
        find_photographs(["memory://bucket/nothing"])
    with pytest.raises(ConfigError, match=r"nowhere://bucket: .*expected one that fsspec knows, such as s3://"):
        find_photographs(["nowhere://bucket"])
    with pytest.raises(ImageError, match=r"memory://bucket/gone\.png: cannot be read"):
        read_photograph("memory://bucket/gone.png")
    with pytest.raises(ImageError, match=r"memory://bucket/holiday/notes\.txt: .*not a picture"):
        read_photograph("memory://bucket/holiday/notes.txt")


def test_a_package_that_a_url_needs_is_named(monkeypatch):
    def missing(url: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(ConfigError, match="s3://bucket: Install s3fs to access S3; pip install s3fs"):
        find_photographs(["s3://bucket"])
