"""The tree of errors, and the suggestion of the nearest name."""

import pytest

from fast_nst import errors
from fast_nst.errors import FastNstError, did_you_mean


@pytest.mark.parametrize("name", ["ImageError", "ModelError", "WeightsError", "ConfigError", "TrainingError"])
def test_every_error_a_person_can_meet_is_a_fast_nst_error(name):
    assert issubclass(getattr(errors, name), FastNstError)


def test_a_programmers_mistake_is_not_a_fast_nst_error():
    assert not issubclass(ValueError, FastNstError)
    assert not issubclass(FastNstError, ValueError)


def test_a_typo_suggests_the_nearest_name():
    assert did_you_mean("great-wav", ["starry-night", "great-wave"]) == "; did you mean 'great-wave'?"


def test_a_word_unlike_any_name_suggests_nothing():
    assert did_you_mean("xyz", ["starry-night", "great-wave"]) == ""


def test_no_names_suggest_nothing():
    assert did_you_mean("great-wave", iter(())) == ""
