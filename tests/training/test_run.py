import csv
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from torch.nn.utils import parameters_to_vector

from fast_nst.cli import main
from fast_nst.errors import ConfigError, ImageError, TrainingError
from fast_nst.images import read_pixels
from fast_nst.inference import Stylizer
from fast_nst.networks import build_network
from fast_nst.networks.styled import widened
from fast_nst.training import callbacks, machine
from fast_nst.training.base import base_file, load_base
from fast_nst.training.checkpoint import load_checkpoint
from fast_nst.training.config import TrainConfig
from fast_nst.training.module import StyleTransferModule, rate_share
from fast_nst.training.run import Outcome, train

TRAIN = [sys.executable, "-m", "fast_nst", "train"]


def _train(config, folder: Path, **options) -> Outcome:
    return train(config, folder.with_suffix(".onnx"), folder, show_bar=False, **options)


def _losses(folder: Path) -> list[dict[str, float]]:
    with (folder / "losses.csv").open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def _weights(folder: Path) -> torch.Tensor:
    return parameters_to_vector(load_checkpoint(folder / "last.ckpt").network.parameters()).detach()


def _command(config, folder: Path, *options: str) -> list[str]:
    """Return the command line of a run that is told everything by a YAML file."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(config.plain()))
    output = str(folder.with_suffix(".onnx"))
    return [*TRAIN, "--config", str(path), "-o", output, "--run-dir", str(folder), "--quiet", *options]


def test_a_run_leaves_a_style_and_everything_about_it(finished_run, config):
    folder = finished_run.checkpoint.parent

    assert finished_run.steps == 4
    assert not finished_run.interrupted
    assert finished_run.parity <= 1
    assert [row["step"] for row in _losses(folder)] == [1, 2, 3, 4]
    assert set(finished_run.losses) == {"content", "style", "tone", "tv", "total"}
    for name in ("config.yaml", "last.ckpt", "losses.png", "previews/step-000002.png", "previews/step-000004.png"):
        assert (folder / name).stat().st_size > 0
    assert any((folder / "tensorboard").glob("events.*"))
    stylizer = Stylizer(finished_run.model)
    assert stylizer.metadata["format"] == "fast_nst/1"
    assert stylizer.metadata["title"] == "Stripes"
    assert stylizer.metadata["steps"] == "4"
    assert stylizer(read_pixels(config().style[0])).shape == (80, 96, 3)


def test_the_total_loss_is_the_sum_of_its_terms_in_every_row(finished_run):
    for row in _losses(finished_run.checkpoint.parent):
        assert row["total"] == pytest.approx(row["content"] + row["style"] + row["tone"] + row["tv"], rel=1e-5)
        assert 0 <= row["data_s"] <= row["step_s"]


def test_the_learning_rate_of_every_step_is_that_of_the_schedule(finished_run, config):
    for row in _losses(finished_run.checkpoint.parent):
        assert row["learning_rate"] == pytest.approx(config().learning_rate * rate_share((row["step"] - 1) / 4))


def test_a_preview_shows_photographs_above_their_pastiches(finished_run):
    pixels = read_pixels(finished_run.checkpoint.parent / "previews" / "step-000002.png")
    later = read_pixels(finished_run.checkpoint.parent / "previews" / "step-000004.png")

    assert pixels.shape == (2 * 64, 4 * 64, 3)
    assert (pixels[:64] == later[:64]).all()
    assert (pixels[64:] != later[64:]).any()


@pytest.mark.usefixtures("no_export")
def test_training_lowers_the_loss(config, tmp_path):
    _train(config(max_steps=40, checkpoint_every=40, preview_every=0, learning_rate=1e-2), tmp_path / "run")
    totals = [row["total"] for row in _losses(tmp_path / "run")]

    assert sum(totals[-5:]) < 0.7 * sum(totals[:5])
    assert not (tmp_path / "run" / "previews").exists()


def test_a_checkpoint_is_small_and_plain(finished_run):
    checkpoint = torch.load(finished_run.checkpoint, weights_only=True)
    weights = sum(value.numel() for value in checkpoint["state_dict"].values())

    assert finished_run.checkpoint.stat().st_size < 4 * 3 * weights + 60_000  # weights and Adam's moments; no VGG
    assert checkpoint["global_step"] == 4


ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}  # on more threads, sums in another order are other sums


@pytest.fixture(scope="module")
def of_eight_steps(config) -> TrainConfig:
    return config(preset="fast", max_steps=8, checkpoint_every=2, preview_every=0)


@pytest.fixture(scope="module")
def uninterrupted(of_eight_steps, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted") / "whole"
    subprocess.run(_command(of_eight_steps, folder), env=ONE_THREAD, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("killed_at", [3, 5])
def test_a_run_killed_and_resumed_ends_with_the_same_weights_to_the_bit(
    of_eight_steps, uninterrupted, tmp_path, killed_at
):
    folder = tmp_path / "killed"
    process = subprocess.Popen(_command(of_eight_steps, folder), env=ONE_THREAD, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if (folder / "losses.csv").is_file() and len(_losses_so_far(folder)) >= killed_at:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    assert process.wait() == -signal.SIGKILL
    assert not folder.with_suffix(".onnx").exists()

    resume = [*TRAIN, "--resume", str(folder), "--quiet"]
    subprocess.run(resume, env=ONE_THREAD, check=True, capture_output=True)
    assert torch.equal(_weights(folder), _weights(uninterrupted))
    totals = [[row["total"] for row in _losses(run)] for run in (folder, uninterrupted)]
    assert totals[0] == totals[1]


def _losses_so_far(folder: Path) -> list[str]:
    return (folder / "losses.csv").read_text().splitlines()[1:]


def test_ctrl_c_saves_exports_and_says_how_to_go_on(config, tmp_path):
    made = config(preset="fast", max_steps=1000, checkpoint_every=1000, preview_every=0)
    folder = tmp_path / "run"
    process = subprocess.Popen(
        _command(made, folder),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not ((folder / "losses.csv").is_file() and len(_losses_so_far(folder)) >= 2) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)

    assert process.returncode == 130
    assert stdout.strip() == str(folder.with_suffix(".onnx"))
    assert f"to go on: fast-nst train --resume {folder}" in stderr
    assert "Traceback" not in stderr
    done = load_checkpoint(folder / "last.ckpt").step
    assert 2 <= done < 1000
    assert Stylizer(folder.with_suffix(".onnx")).metadata["steps"] == str(done)
    assert main(["train", "--resume", str(folder), "--max-steps", str(done + 1), "--quiet"]) == 0
    assert load_checkpoint(folder / "last.ckpt").step == done + 1
    assert Stylizer(folder.with_suffix(".onnx")).metadata["steps"] == str(done + 1)


def test_a_resumed_run_replaces_its_own_file_and_no_other(finished_run, tmp_path, capsys):
    folder, other = finished_run.checkpoint.parent, tmp_path / "other.onnx"
    other.write_text("another style")

    assert main(["train", "--resume", str(folder), "-o", str(other)]) == 2
    assert "other.onnx: exists already" in capsys.readouterr().err
    assert main(["train", "--resume", str(folder), "--run-dir", str(tmp_path)]) == 2
    assert "leave --run-dir out" in capsys.readouterr().err


def test_resuming_a_run_that_is_done_writes_its_file_again_and_says_its_losses(config, tmp_path, capsys):
    done = _train(config(max_steps=2), tmp_path / "run")
    done.model.unlink()

    assert main(["train", "--resume", str(tmp_path / "run"), "--quiet"]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(done.model)
    assert f"2 steps; content {done.losses['content']:.4g}" in told.err
    assert done.model.is_file()


def test_two_processes_give_the_losses_of_one_at_equal_global_batch(config, tmp_path):
    made = config(preset="fast", max_steps=3, preview_every=0)
    _train(made, tmp_path / "one")
    two = tmp_path / "two"
    command = _command(made, two, "--devices", "2", "--strategy", "ddp")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=ONE_THREAD)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(two.with_suffix(".onnx"))]
    for alone, shared in zip(_losses(tmp_path / "one"), _losses(two), strict=True):
        for name in ("content", "style", "tone", "tv", "total"):
            assert shared[name] == pytest.approx(alone[name], rel=2e-3)


def test_two_processes_end_by_one_clock(config, tmp_path):
    made = config(preset="fast", max_steps=10_000, checkpoint_every=10_000, preview_every=0, max_minutes=0.02)
    command = _command(made, tmp_path / "two", "--devices", "2", "--strategy", "ddp")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=ONE_THREAD)

    assert done.returncode == 0, done.stderr
    assert 1 <= load_checkpoint(tmp_path / "two" / "last.ckpt").step < 10_000


def test_a_batch_that_does_not_divide_over_the_devices_is_refused(config, tmp_path):
    folder = tmp_path / "run"
    options = ["--batch-size", "3", "--devices", "2", "--strategy", "ddp"]
    done = subprocess.run(
        _command(config(preset="fast"), folder, *options), capture_output=True, text=True, timeout=300
    )

    assert done.returncode == 2
    assert "batch_size 3 does not divide over 2 devices; try 4" in done.stderr


@pytest.mark.usefixtures("no_export")
def test_a_step_in_two_batches_is_a_step_in_one(config, tmp_path):
    options = {"batch_size": 4, "max_steps": 3, "checkpoint_every": 2, "preview_every": 0}
    _train(config(**options), tmp_path / "one")
    _train(config(**options, accumulate=2), tmp_path / "two")

    whole, split = _losses(tmp_path / "one"), _losses(tmp_path / "two")
    assert [row["step"] for row in split] == [1, 2, 3]
    for name in ("content", "style", "tone", "tv", "grid", "total", "gradient"):
        assert [row[name] for row in split] == pytest.approx([row[name] for row in whole], rel=1e-3)


def test_a_batch_that_does_not_divide_over_its_parts_is_refused(config, tmp_path):
    with pytest.raises(TrainingError, match=r"batch_size 3 does not divide over 1 device in 2 batches; try 4"):
        _train(config(batch_size=3, accumulate=2), tmp_path / "run")


@pytest.mark.usefixtures("no_export")
def test_photographs_are_streamed_from_a_store_and_a_run_goes_on_from_there(config, bucket, tmp_path, monkeypatch):
    made = config(content_dir=(bucket,), workers=2, preview_every=0)
    _train(made, tmp_path / "whole")

    healthy = StyleTransferModule.training_step

    def breaks_at_step_3(self, batch, batch_idx):
        if self.global_step == 3:
            raise TrainingError("the power failed")
        return healthy(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(StyleTransferModule, "training_step", breaks_at_step_3)
        with pytest.raises(TrainingError, match="the power failed"):
            _train(made, tmp_path / "broken")
    _train(made, tmp_path / "broken", resume=True)

    assert [row["total"] for row in _losses(tmp_path / "broken")] == [
        pytest.approx(row["total"], rel=1e-5) for row in _losses(tmp_path / "whole")
    ]


@pytest.mark.usefixtures("no_export")
def test_where_a_device_is_not_waited_for_every_row_is_written_all_the_same(config, tmp_path, monkeypatch):
    options = {"max_steps": 5, "checkpoint_every": 4, "preview_every": 0}
    _train(config(**options), tmp_path / "each")
    monkeypatch.setattr(callbacks, "_rows_at_once", lambda _device: 3)
    _train(config(**options), tmp_path / "some")

    assert [row["step"] for row in _losses(tmp_path / "some")] == [1, 2, 3, 4, 5]
    totals = [[row["total"] for row in _losses(tmp_path / name)] for name in ("each", "some")]
    assert totals[1] == pytest.approx(totals[0], rel=1e-5)


@pytest.mark.usefixtures("no_export")
def test_what_is_not_finite_is_found_before_a_checkpoint_where_a_device_is_not_waited_for(
    config, tmp_path, monkeypatch
):
    breaks = StyleTransferModule.training_step

    def is_nan_at_step_3(self, batch, batch_idx):
        outputs = breaks(self, batch, batch_idx)
        if self.global_step == 3:
            outputs["terms"]["style"] = torch.tensor(torch.nan)
        return outputs

    monkeypatch.setattr(StyleTransferModule, "training_step", is_nan_at_step_3)
    monkeypatch.setattr(callbacks, "_rows_at_once", lambda _device: 100)
    with pytest.raises(TrainingError, match=r"step 3: the style loss is nan; .* \(step 2\)"):
        _train(config(), tmp_path / "run")


@pytest.mark.parametrize("is_native", [True, False])
def test_bfloat16_is_chosen_for_both_networks_where_it_is_native(config, monkeypatch, is_native):
    monkeypatch.setattr(machine, "multiplies_bfloat16", lambda _device: is_native)
    chosen = machine.settled(config(precision="auto"))

    assert chosen.precision == ("bf16-mixed" if is_native else "32-true")
    assert chosen.objective.loss_arithmetic == ("bfloat16" if is_native else "float32")
    assert machine.settled(config(precision="32-true")).objective.loss_arithmetic == "float32"


@pytest.mark.usefixtures("no_export")
def test_bfloat16_ends_within_eight_percent_of_float32(config, tmp_path):
    options = {"max_steps": 16, "checkpoint_every": 16, "preview_every": 0, "learning_rate": 1e-3}
    exact = config(**options)
    quick = config(**options, precision="bf16-mixed", objective=replace(exact.objective, loss_arithmetic="bfloat16"))
    totals = []
    for name, made in (("exact", exact), ("quick", quick)):
        _train(made, tmp_path / name)
        totals.append(statistics.mean(row["total"] for row in _losses(tmp_path / name)[-8:]))

    assert totals[1] == pytest.approx(totals[0], rel=0.08)
    assert totals[1] != totals[0]


@pytest.mark.usefixtures("no_export")
def test_compiled_or_where_that_fails_not_a_run_is_the_same(config, tmp_path, monkeypatch):
    def fails(*_args: object, **_options: object) -> None:
        raise RuntimeError("no compiler here")

    monkeypatch.setattr("torch._inductor.compile_fx.compile_fx", fails)
    _train(config(max_steps=2, preview_every=0), tmp_path / "plain")
    _train(config(max_steps=2, preview_every=0, compile="on"), tmp_path / "compiled")
    totals = [[row["total"] for row in _losses(tmp_path / name)] for name in ("plain", "compiled")]

    assert totals[1] == pytest.approx(totals[0], rel=1e-4)


@pytest.mark.usefixtures("no_export")
def test_a_run_starts_from_the_shipped_base_of_its_preset_unless_it_is_to_start_from_scratch(config, tmp_path):
    options = {"preset": "fast", "max_steps": 1, "preview_every": 0, "learning_rate": 1e-9}
    for name, from_scratch in (("base", False), ("scratch", True)):
        _train(config(**options, from_scratch=from_scratch), tmp_path / name)
    base = load_base("fast")
    rows = base.pop("styles")
    started = {name: load_checkpoint(tmp_path / name / "last.ckpt") for name in ("base", "scratch")}

    assert started["base"].config.init_from == "base"
    assert started["base"].metadata()["init_from"] == "base"
    assert started["scratch"].metadata()["init_from"] == ""
    weights = {name: trained.network.state_dict() for name, trained in started.items()}
    assert all(torch.allclose(weights["base"][name], weight, atol=1e-5) for name, weight in base.items())
    assert not all(torch.allclose(weights["scratch"][name], weight, atol=0.1) for name, weight in base.items())
    row = widened(weights["base"]["styles"][0], rows.shape[1])
    assert (rows - row).abs().amax(1).min() < 1e-5  # that of the painting which is nearest


@pytest.mark.parametrize("preset", ["quality", "fast", "johnson-half"])
def test_a_base_is_there_and_fits(preset):
    assert base_file("tiny") is None
    assert base_file(preset) is not None
    weights = load_base(preset)
    build_network(preset, len(weights["styles"]), has_strength="photograph" in weights).load_state_dict(weights)


@pytest.mark.usefixtures("no_export")
def test_minutes_end_a_run_before_its_steps(config, tmp_path):
    outcome = _train(config(max_steps=10_000, max_minutes=0.01), tmp_path / "run")

    assert 1 <= outcome.steps < 100
    assert not outcome.interrupted


@pytest.mark.usefixtures("no_export")
def test_another_style_starts_from_its_checkpoint(config, finished_run, tmp_path, monkeypatch):
    at_start = []
    monkeypatch.setattr(
        StyleTransferModule,
        "on_train_start",
        lambda self: at_start.append(parameters_to_vector(self.network.parameters()).detach().clone()),
    )
    _train(config(init_from=str(finished_run.checkpoint), max_steps=1), tmp_path / "second")

    assert torch.equal(at_start[0], _weights(finished_run.checkpoint.parent))


def test_another_preset_cannot_start_from_it(config, finished_run, tmp_path):
    with pytest.raises(ConfigError, match="holds a tiny network, this run trains johnson"):
        _train(config(preset="johnson", init_from=str(finished_run.checkpoint)), tmp_path / "second")


@pytest.mark.usefixtures("no_export")
def test_a_folder_with_a_run_is_not_run_over(config, finished_run):
    with pytest.raises(ConfigError, match="holds a run already; give --resume to go on with it, or another --run-dir"):
        _train(config(), finished_run.checkpoint.parent)


def test_there_must_be_something_to_resume(config, tmp_path):
    with pytest.raises(ConfigError, match="nothing to resume"):
        _train(config(), tmp_path / "run", resume=True)


@pytest.mark.usefixtures("no_export")
def test_unreadable_photographs_are_left_out_and_counted(config, tmp_path, photographs):
    broken = tmp_path / "photographs"
    broken.mkdir()
    for path in photographs.glob("*.png"):
        (broken / path.name).write_bytes(path.read_bytes())
    (broken / "broken.jpg").write_bytes(b"")
    outcome = _train(config(content_dir=(str(broken),), max_steps=5), tmp_path / "r")

    assert outcome.unreadable == (str(broken / "broken.jpg"),)


def test_a_loss_that_is_not_finite_leaves_the_last_good_checkpoint(config, tmp_path, monkeypatch):
    healthy = StyleTransferModule.training_step

    def breaks_at_step_3(self, batch, batch_idx):
        if self.global_step == 3:
            with torch.no_grad():
                self.network.layers[-1].bias.fill_(torch.nan)
        return healthy(self, batch, batch_idx)

    monkeypatch.setattr(StyleTransferModule, "training_step", breaks_at_step_3)
    with pytest.raises(
        TrainingError, match=r"step 3: the content loss is nan; the last good checkpoint is .*last\.ckpt \(step 2\)"
    ):
        _train(config(), tmp_path / "run")
    assert load_checkpoint(tmp_path / "run" / "last.ckpt").step == 2
    assert not (tmp_path / "run.onnx").exists()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"style": "no-such-painting.jpg"}, ImageError, "no-such-painting.jpg"),
        ({"content_dir": ("no-such-folder",)}, ImageError, "no-such-folder"),
        ({"preset": "jonson"}, ConfigError, "did you mean 'johnson'"),
        ({"max_megapixels": 0.005}, ImageError, r"96 x 80 px is .* megapixels, over the limit of 0\.005"),
        ({"devices": "0,1"}, ConfigError, "Lightning cannot use accelerator cpu, devices 0,1, .* should be an int"),
        ({"strategy": "dpp"}, ConfigError, "Lightning cannot use .*strategy dpp here: .* invalid strategy name"),
        ({"accelerator": "quantum"}, ConfigError, "Lightning cannot use accelerator quantum"),
    ],
)
def test_what_cannot_work_is_said_before_training(config, tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        _train(config(**change), tmp_path / "run")


def test_weights_left_open_are_balanced_before_the_first_step_and_kept(config, tmp_path, no_export):
    settled = []
    _train(config(max_steps=1), tmp_path / "run", on_settled=settled.append)
    weights = {name: getattr(settled[0].objective, name) for name in ("content_weight", "style_weight")}
    assert all(weight > 0 for weight in weights.values())
    kept = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert {name: kept[name] for name in weights} == weights
    objective = load_checkpoint(tmp_path / "run" / "last.ckpt").config.objective
    assert (objective.content_weight, objective.style_weight) == tuple(weights.values())


def test_a_network_learns_from_several_paintings_and_terms_of_any_kind(config, photographs, tmp_path):
    made = config()
    other = str(next(photographs.glob("*.png"), None) or next(photographs.rglob("*.*")))
    terms = {"content_terms": {"ssim": 1.0, "gradients": 0.5}, "style_terms": {"gram": 1.0, "sliced_wasserstein": 0.5}}
    objective = replace(made.objective, style_blend=(3.0, 1.0), **terms)
    outcome = _train(config(style=(made.style[0], other), objective=objective, max_steps=2), tmp_path / "two")
    metadata = Stylizer(outcome.model).metadata
    kept = json.loads(metadata["objective"])
    assert kept["style_blend"] == [3.0, 1.0]
    assert kept["style_terms"] == terms["style_terms"]
    assert Path(other).stem.lower() in metadata["title"].lower().replace(" ", "_")
