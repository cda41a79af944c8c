"""Tensors kept by rows."""

import os

import numpy as np
import pytest

from fast_nst.large.store import Store


@pytest.fixture(params=["memory", "disk"])
def store(request, tmp_path):
    return Store(tmp_path if request.param == "disk" else None)


@pytest.mark.parametrize(("shape", "axis"), [((9, 4, 3), 0), ((5, 9, 4), 1), ((2, 3, 9, 4), 2), ((9,), 0)])
def test_rows_come_back_along_any_axis(store, shape, axis):
    tensor = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for first, last in ((4, 9), (0, 4)):  # in any order
        store.write("t", first, tensor.take(range(first, last), axis), axis, 9)
    np.testing.assert_array_equal(store.read("t", 2, 7), tensor.take(range(2, 7), axis))
    assert store.read("t", 0, 9).flags.c_contiguous


def test_tensors_are_kept_apart_and_forgotten(store):
    store.write("a", 0, np.zeros((2, 3), np.uint8), 0, 2)
    store.write("b", 0, np.ones((2, 3), np.uint8), 0, 2)
    assert store.read("a", 0, 2).max() == 0
    store.forget("a")
    with pytest.raises(KeyError):
        store.read("a", 0, 1)
    assert store.read("b", 1, 2).tolist() == [[1, 1, 1]]


@pytest.mark.skipif(os.name == "nt", reason="there files have names until they are closed")
def test_files_have_no_name_and_leave_nothing(tmp_path):
    store = Store(tmp_path)
    store.write("a", 0, np.zeros((2, 3), np.uint8), 0, 2)
    assert list(tmp_path.iterdir()) == []
