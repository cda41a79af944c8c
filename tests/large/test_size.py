"""Amounts of memory."""

import pytest

from fast_nst.errors import ConfigError
from fast_nst.large.size import format_size, parse_size


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("2GB", 2 * 10**9),
        ("1.5 gib", 3 * 2**29),
        ("800M", 8 * 10**8),
        ("512 kib", 2**19),
        ("4096", 4096),
        ("1t", 10**12),
    ],
)
def test_sizes_as_people_write_them(text, count):
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "2XB", "-1GB", "0", "GB", "1,5GB", "2 2GB"])
def test_what_is_no_size_is_told_with_an_example(text):
    with pytest.raises(ConfigError, match="expected one such as 2GB"):
        parse_size(text)


def test_sizes_are_told_in_two_digits_or_so():
    assert (format_size(2_340_000_000), format_size(640_100_000)) == ("2.3 GB", "640 MB")
