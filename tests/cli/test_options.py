import click
import pytest

from fast_nst.cli.options import Weights, build, options_from, set_defaults
from fast_nst.errors import ConfigError
from fast_nst.training.config import TrainConfig


def parse(arguments: list[str], defaults: dict | None = None) -> TrainConfig:
    """Return the configuration that a command with one option a field makes of a command line and a file."""
    command = click.command()(options_from(TrainConfig)(lambda **values: build(TrainConfig, values)))
    with click.Context(command) as context:
        set_defaults(context, defaults or {}, "options.yaml")
        command.parse_args(context, arguments)
        return command.invoke(context)


@pytest.mark.parametrize(
    "given",
    ["relu1_1, relu3_1:0.5", ["relu1_1", "relu3_1:0.5"], {"relu1_1": 1, "relu3_1": 0.5}, [{"relu1_1": 1.0}]],
)
def test_layers_and_weights_in_every_form(given):
    if given == [{"relu1_1": 1.0}]:
        with pytest.raises(click.BadParameter, match="expected LAYER or LAYER:WEIGHT"):
            Weights("LAYER").convert(given, None, None)
    else:
        assert Weights("LAYER").convert(given, None, None) == {"relu1_1": 1.0, "relu3_1": 0.5}


@pytest.mark.parametrize("given", ["relu1_1:x", {"relu1_1": None}, {"relu1_1": [1]}])
def test_a_weight_that_is_no_number_is_a_users_mistake(given):
    with pytest.raises(click.BadParameter, match="expected LAYER or LAYER:WEIGHT"):
        Weights("LAYER").convert(given, None, None)


def test_what_is_typed_wins_over_the_file():
    config = parse(["--style", "typed.jpg", "--seed", "7"], {"style": "file.jpg", "content_dir": ["a", "b"], "seed": 3})

    assert (config.style, config.seed, config.content_dir) == (("typed.jpg",), 7, ("a", "b"))


def test_one_folder_in_a_file_needs_no_list():
    assert parse(["--style", "s.jpg"], {"content_dir": "photographs"}).content_dir == ("photographs",)


def test_a_misspelt_name_in_a_file_suggests_the_nearest():
    with pytest.raises(ConfigError, match=r"options\.yaml: no option 'sed'; did you mean 'seed'"):
        parse([], {"sed": 1})


def test_a_fact_is_a_flag_on_the_command_line_and_a_value_in_a_file():
    given = ["--style", "s.jpg", "--content-dir", "a"]

    assert not parse([*given]).from_scratch
    assert parse([*given, "--from-scratch"]).from_scratch
    assert parse([*given], {"from_scratch": True}).from_scratch
