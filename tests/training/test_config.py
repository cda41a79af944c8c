import pytest

from fast_nst.errors import ConfigError
from fast_nst.training.config import TrainConfig


def test_a_configuration_survives_its_plain_form(config):
    original = config(max_minutes=1.5, title="Stripes")

    assert TrainConfig.from_plain(original.plain()) == original


def test_the_plain_form_holds_nothing_but_plain_values(config):
    allowed = (str, int, float, list, dict, type(None))

    assert all(isinstance(value, allowed) for value in config().plain().values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_steps": 0}, "max_steps is 0, expected at least 1"),
        ({"crop_size": 63}, "crop_size is 63, expected at least 64"),
        ({"grid_weight": -1.0}, "grid_weight is -1.0, expected at least 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, expected a number above 0"),
        ({"max_minutes": -1.0}, "max_minutes is -1.0, expected a number above 0"),
        ({"checkpoint_every": 0}, "checkpoint_every must be at least 1"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(config, change, message):
    with pytest.raises(ConfigError, match=message):
        config(**change)


def test_an_unknown_name_is_refused(config):
    with pytest.raises(ConfigError, match="unknown option style_wieght"):
        TrainConfig.from_plain(config().plain() | {"style_wieght": 3.0})
