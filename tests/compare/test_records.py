import json

import numpy as np
import pytest

from fast_nst.compare.records import Point, Result, Store, digest

POINT = Point(
    50,
    {"content": 1.0, "style": 2.0, "tone": 0.25, "tv": 0.5, "total": 3.75},
    0.5,
    1.25,
    None,
    "a-0050.png",
    {"tone_kept": 0.5, "deep_distance": None},
)
RESULT = Result("a.jpg", 64, 64, 48, "noise", (POINT,), {"total": [4.0, 3.5], "seconds": [0.0, 1.25]})
PIXELS = np.arange(64 * 48 * 3, dtype=np.uint32).astype(np.uint8).reshape(64, 48, 3)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    store.save("a", RESULT, [PIXELS])
    return store


def test_a_saved_result_is_loaded_as_it_was(store):
    assert store.load("a") == RESULT


def test_a_result_that_was_never_saved_is_none(store):
    assert store.load("b") is None


def test_a_result_without_its_picture_is_not_there(store):
    (store.folder / POINT.picture).unlink()
    assert store.load("a") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"photo": "a.jpg"}'])
def test_a_broken_file_is_no_result(store, text):
    (store.folder / "a.json").write_text(text)
    assert store.load("a") is None


def test_a_digest_depends_on_values_and_not_on_their_order():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_a_result_survives_json(store):
    values = json.loads((store.folder / "a.json").read_text())
    assert values["points"][0]["losses"]["total"] == 3.75
    assert Result.from_json(values) == RESULT
