"""The script that trains the shipped styles: which runs it makes of a configuration, and which it takes."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import yaml

from fast_nst.cli.options import read_yaml
from fast_nst.errors import ConfigError
from fast_nst.networks import PRESETS

ROOT = Path(__file__).parents[2]
ZOO = {
    "common": {"content_dir": ["photos"], "seed": 3},
    "first": [{"max_steps": 20, "only": ["sea"]}, {"max_steps": 40, "grid_weight": 3.0}],
    "style": [{"max_steps": 12, "style_weight": 3.0}, {"max_steps": 6, "loss_network": "vgg19"}],
    "presets": {
        "quality": {"suffix": "", "many": "many", "paintings": []},
        "fast": {"suffix": "-fast", "paintings": ["hill"], "grid_weight": 0.5},
    },
    "paintings": {
        "sea": {"style": "sea.jpg", "title": "The Sea", "content_weight": 2.0},
        "hill": {"style": "hill.jpg", "style_weight": 7.0, "grid_weight": 1.0},
    },
}
QUALITY = ["base-quality-1", "base-quality", "sea-1", "sea", "hill-1", "hill"]
ALL = [*QUALITY, "base-fast-1", "base-fast", "hill-fast-1", "hill-fast"]


@pytest.fixture(scope="module")
def zoo(load_script) -> ModuleType:
    """The script, as a module."""
    return load_script("train_zoo")


@pytest.fixture
def call(zoo, tmp_path, monkeypatch):
    """Call the script in a folder of its own; returns what it answers and what it has trained."""
    (tmp_path / "zoo.yaml").write_text(yaml.safe_dump(ZOO, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    trained, steps = [], {}

    def train(config, model, folder, *, resume):
        folder.mkdir(parents=True, exist_ok=True)
        model.parent.mkdir(parents=True, exist_ok=True)
        (folder / "last.ckpt").touch()
        model.touch()
        trained.append((folder.name, resume))
        run.starts[folder.name] = config.init_from
        interrupted = folder.name in steps
        steps[folder.name] = steps.get(folder.name, config.max_steps)
        return SimpleNamespace(steps=steps[folder.name], losses={"total": 1.0}, interrupted=interrupted)

    monkeypatch.setattr(zoo, "train", train)
    monkeypatch.setattr(zoo, "load_checkpoint", lambda path: SimpleNamespace(step=steps[path.parent.name]))

    def run(*arguments, broken_off=(), also=None):
        trained.clear()
        steps.update(dict.fromkeys(broken_off, 5))
        files = ["zoo.yaml", *([also] if also else [])]
        monkeypatch.setattr(sys, "argv", ["train_zoo.py", *files, "-o", "models", "--runs", "runs", *arguments])
        return zoo.main(), list(trained)

    run.steps, run.starts = steps, {}
    return run


def test_each_preset_has_a_first_run_and_one_for_each_sitting_of_each_painting(zoo):
    runs = list(zoo.plan(ZOO, Path("runs"), Path("models")))

    assert [run.name for run in runs] == ALL
    assert {run.model.stem for run in runs if run.model.parent.name == "models"} == {"many", "sea", "hill", "hill-fast"}
    assert [run.model.stem for run in runs] == [{"base-quality": "many"}.get(name, name) for name in ALL]
    assert [run.config.preset for run in runs] == ["quality"] * 6 + ["fast"] * 4


def test_a_preset_is_taught_by_the_files_of_another_and_may_have_sittings_of_its_own(zoo):
    fast = ZOO["presets"]["fast"] | {"taught_by": "quality", "first": [{"max_steps": 9}], "style": [{"max_steps": 4}]}
    told = ZOO | {"presets": ZOO["presets"] | {"fast": fast}}
    runs = {run.name: run.config for run in zoo.plan(told, Path("runs"), Path("models"))}

    assert list(runs) == [*QUALITY, "base-fast", "hill-fast"]
    assert [runs[name].teacher for name in QUALITY] == [None] * 6
    assert (runs["base-fast"].teacher, runs["base-fast"].max_steps) == (str(Path("models/many.onnx")), 9)
    assert (runs["hill-fast"].teacher, runs["hill-fast"].max_steps) == (str(Path("models/hill.onnx")), 4)


def test_a_preset_that_cannot_teach_is_told(zoo):
    fast = ZOO["presets"]["fast"] | {"taught_by": "qualty"}
    with pytest.raises(ConfigError, match="fast is taught by 'qualty', expected a preset that has a name"):
        list(zoo.plan(ZOO | {"presets": ZOO["presets"] | {"fast": fast}}, Path("runs"), Path("models")))


def test_the_first_run_learns_all_paintings_together_after_some(zoo):
    runs = {run.name: run.config for run in zoo.plan(ZOO, Path("runs"), Path("models"))}

    assert list(runs["base-quality-1"].paintings) == ["sea"]
    assert list(runs["base-quality"].paintings) == ["sea", "hill"]
    weights = [(one.content_weight, one.style_weight) for one in runs["base-quality"].all_paintings()]
    assert weights == [(2.0, None), (None, 7.0)]
    assert runs["base-quality"].grid_weight == 3.0  # a painting's own options are for its own network
    assert (runs["hill"].style, runs["hill"].paintings) == (("hill.jpg",), {})


def test_each_sitting_goes_on_from_the_one_before(zoo):
    starts = {run.name: run.config.init_from for run in zoo.plan(ZOO, Path("runs"), Path("models"))}

    assert starts["base-quality-1"] is None
    assert starts["base-quality"] == str(Path("runs/base-quality-1/last.ckpt"))
    assert starts["sea-1"] == starts["hill-1"] == str(Path("runs/base-quality/last.ckpt"))
    assert starts["sea"] == str(Path("runs/sea-1/last.ckpt"))
    assert starts["hill-fast-1"] == str(Path("runs/base-fast/last.ckpt"))


def test_a_painting_says_more_than_its_sitting_and_a_sitting_more_than_what_is_common(zoo):
    runs = {run.name: run.config for run in zoo.plan(ZOO, Path("runs"), Path("models"))}

    assert (runs["base-quality-1"].from_scratch, runs["base-quality"].from_scratch) == (True, False)
    assert (runs["sea-1"].from_scratch, runs["sea-1"].max_steps, runs["sea-1"].seed) == (False, 12, 3)
    assert (runs["sea"].max_steps, runs["sea"].objective.loss_network) == (6, "vgg19")
    assert runs["sea-1"].objective.style_weight == 3.0
    assert (runs["base-quality"].objective.content_weight, runs["sea"].objective.content_weight) == (None, 2.0)
    assert (runs["sea"].grid_weight, runs["hill"].grid_weight) == (10.0, 1.0)  # the default, and its own
    assert (runs["base-quality"].grid_weight, runs["base-fast"].grid_weight) == (3.0, 0.5)  # the preset's own
    assert runs["hill-1"].objective.style_weight == runs["hill-fast-1"].objective.style_weight == 7.0


def test_all_runs_are_taken_in_order_and_what_is_done_is_left_alone(call):
    assert call() == (0, [(name, False) for name in ALL])
    assert call() == (0, [])


def test_what_was_broken_off_goes_on_and_ctrl_c_ends_all(call):
    chosen = ("--only", "base-quality-1", "base-quality", "sea-1", "sea")
    first = [("base-quality-1", False), ("base-quality", False)]
    assert call(*chosen, broken_off=["sea-1"]) == (130, [*first, ("sea-1", False)])
    assert call(*chosen) == (130, [("sea-1", True)])  # 5 steps of 12 were there


def test_a_style_whose_first_run_was_left_out_starts_from_the_base_that_is_shipped(call):
    assert call("--only", "sea-1", "sea") == (0, [("sea-1", False), ("sea", False)])
    assert call.starts == {"sea-1": "base", "sea": str(Path("runs/sea-1/last.ckpt"))}
    call("--only", "base-quality-1", "base-quality", "hill-1")
    assert call.starts["hill-1"] == str(Path("runs/base-quality/last.ckpt"))


def test_a_name_that_is_no_run_is_told_with_the_nearest(call, capsys):
    assert call("--only", "base-qualty") == (2, [])
    assert "no run is named 'base-qualty'; did you mean 'base-quality'?" in capsys.readouterr().err


def test_a_second_configuration_names_other_presets_for_the_same_recipe(call, tmp_path):
    (tmp_path / "other.yaml").write_text("presets: {johnson: {suffix: -johnson, paintings: [sea]}}")
    first = ["base-johnson-1", "base-johnson"]
    assert call("--only", *first, also="other.yaml") == (0, [(name, False) for name in first])
    assert call("--only", "sea", also="other.yaml") == (2, [])


@pytest.mark.parametrize("also", [[], ["baselines.yaml"]])
def test_the_configurations_that_ship_are_such(zoo, also):
    told = read_yaml(ROOT / "configs" / "zoo.yaml")
    for name in also:
        told |= read_yaml(ROOT / "configs" / name)
    runs = list(zoo.plan(told, Path("runs"), Path("models")))

    assert len({run.name for run in runs}) == len(runs)
    assert {run.config.preset for run in runs} <= PRESETS.keys()
    paintings = [painting for run in runs for painting in run.config.all_paintings()]
    assert all(painting.title and painting.artist and painting.licence for painting in paintings)
