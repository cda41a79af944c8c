"""Atomic paths."""

import pytest

from fast_nst.errors import FastNstError, ModelError
from fast_nst.images import atomic_path


def test_an_atomic_path_appears_only_when_it_is_whole(tmp_path):
    target = tmp_path / "style.onnx"
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"model")
        assert not target.exists()
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".onnx")
    assert target.read_bytes() == b"model"
    assert list(tmp_path.iterdir()) == [target]


def test_two_writers_of_one_path_do_not_meet(tmp_path):
    with atomic_path(tmp_path / "a.json") as one, atomic_path(tmp_path / "a.json") as two:
        assert one != two
        one.write_text("1")
        two.write_text("2")
    assert (tmp_path / "a.json").read_text() == "1"  # the outer block ends last


def test_other_errors_pass_through_an_atomic_path(tmp_path):
    def write_half():
        with atomic_path(tmp_path / "a.json") as temporary:
            temporary.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_the_class_of_an_atomic_paths_error_can_be_chosen(tmp_path, written):
    written(tmp_path / "file", b"")
    with pytest.raises(ModelError), atomic_path(tmp_path / "file" / "a.onnx", raises=ModelError):
        pass
    with pytest.raises(FastNstError, match="cannot be written"), atomic_path(tmp_path / "file" / "a.onnx"):
        pass
