"""What fits into so much memory."""

import pytest

from fast_nst.errors import ImageError
from fast_nst.large import memory
from fast_nst.large.memory import TooLittleMemoryError, in_one_piece, plan
from fast_nst.large.probe import PASTICHE


def test_more_memory_means_wider_strips_and_no_disk(quality):
    plans = [plan(quality, 10_000, 10_000, free) for free in (10**9, 2 * 10**9, 20 * 10**9)]
    assert [one.is_kept_in_memory for one in plans] == [False, False, True]
    assert 64 <= plans[0].strip_rows <= plans[1].strip_rows <= 200  # 2 million pixels are enough
    assert all(one.passes[-1].aim == PASTICHE for one in plans)


def test_what_is_missing_makes_the_least_that_does(quality):
    with pytest.raises(TooLittleMemoryError) as caught:
        plan(quality, 10_000, 10_000, 10**8)
    least = 10**8 + caught.value.missing
    assert plan(quality, 10_000, 10_000, least).strip_rows == 64
    with pytest.raises(TooLittleMemoryError):
        plan(quality, 10_000, 10_000, least - 10**6)


def test_memory_grows_with_the_width_and_not_with_the_height(quality, monkeypatch):
    monkeypatch.setattr(memory.psutil, "disk_usage", lambda path: type("Usage", (), {"free": 10**13}))
    plan(quality, 10**6, 2_000, 5 * 10**8)
    with pytest.raises(TooLittleMemoryError):
        plan(quality, 2_000, 10**6, 5 * 10**8)


def test_a_full_disk_is_told_before_the_work(quality, monkeypatch):
    monkeypatch.setattr(memory.psutil, "disk_usage", lambda path: type("Usage", (), {"free": 10**9}))
    with pytest.raises(ImageError, match=r"6\.\d GB are needed there while painting, 1\.0 GB are free.*TMPDIR"):
        plan(quality, 10_000, 10_000, 10**9)


def test_one_piece_takes_as_much_as_its_fullest_moment(quality):
    bytes_per_pixel = in_one_piece(quality, 10**6) / 10**6
    assert 100 < bytes_per_pixel < 250
    assert in_one_piece(quality, 2 * 10**6) == pytest.approx(2 * in_one_piece(quality, 10**6))


def test_a_container_may_have_less_than_the_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    before = memory.free_bytes()
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_bytes() == pytest.approx(before, rel=0.2)
    (tmp_path / "memory.max").write_text("1000000000\n")
    (tmp_path / "memory.current").write_text("400000000\n")
    assert memory.free_bytes() == pytest.approx(0.8 * 600_000_000)
