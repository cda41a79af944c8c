import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import onnx
import pytest
import torch
import yaml

from fast_nst.cli import main
from fast_nst.errors import ConfigError, ImageError, TrainingError
from fast_nst.images import read_pixels
from fast_nst.inference import Stylizer
from fast_nst.training.checkpoint import load_checkpoint
from fast_nst.training.module import StyleTransferModule
from fast_nst.training.run import train


def _losses(folder: Path) -> list[dict[str, float]]:
    with (folder / "losses.csv").open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def _weights(folder: Path) -> torch.Tensor:
    network = load_checkpoint(folder / "last.ckpt").network
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def _command(config, folder: Path, *options: str) -> list[str]:
    """Return the command line of a run that is told everything by a YAML file."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(config.plain()))
    output = str(folder.with_suffix(".onnx"))
    return [sys.executable, "-m", "fast_nst", "train", "--config", str(path), "-o", output, *options]


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


def test_a_run_leaves_a_style_and_everything_about_it(config, tmp_path):
    outcome = train(config(title="Stripes", artist="Nobody"), tmp_path / "s.onnx", tmp_path / "run", show_bar=False)

    assert outcome.steps == 4
    assert not outcome.interrupted
    assert outcome.parity <= 1
    assert [row["step"] for row in _losses(tmp_path / "run")] == [1, 2, 3, 4]
    assert set(outcome.losses) == {"content", "style", "tv", "total"}
    for name in ("config.yaml", "last.ckpt", "losses.png", "previews/step-000002.png", "previews/step-000004.png"):
        assert (tmp_path / "run" / name).stat().st_size > 0
    assert any((tmp_path / "run" / "tensorboard").glob("events.*"))
    metadata = {entry.key: entry.value for entry in onnx.load(outcome.model).metadata_props}
    assert metadata["format"] == "fast_nst/1"
    assert metadata["title"] == "Stripes"
    assert metadata["steps"] == "4"
    assert Stylizer(outcome.model)(read_pixels(config().style)).shape == (80, 96, 3)


def test_the_total_loss_is_the_sum_of_its_terms_in_every_row(config, tmp_path):
    train(config(), tmp_path / "s.onnx", tmp_path / "run", show_bar=False)

    for row in _losses(tmp_path / "run"):
        assert row["total"] == pytest.approx(row["content"] + row["style"] + row["tv"], rel=1e-5)
        assert 0 <= row["data_s"] <= row["step_s"]


def test_training_lowers_the_loss(config, tmp_path):
    outcome = train(
        config(max_steps=30, checkpoint_every=30, preview_every=0), tmp_path / "s.onnx", tmp_path / "run", show_bar=False
    )
    totals = [row["total"] for row in _losses(tmp_path / "run")]

    assert sum(totals[-5:]) < 0.7 * sum(totals[:5])
    assert not (outcome.checkpoint.parent / "previews").exists()


def test_a_checkpoint_is_small_and_plain(config, tmp_path):
    outcome = train(config(), tmp_path / "s.onnx", tmp_path / "run", show_bar=False)
    checkpoint = torch.load(outcome.checkpoint, weights_only=True)

    assert outcome.checkpoint.stat().st_size < 3.1 * 4 * 424_099  # weights and Adam's two moments, no VGG
    assert checkpoint["global_step"] == 4


@pytest.mark.parametrize("killed_at", [3, 5])
def test_a_run_killed_and_resumed_ends_with_the_same_weights_to_the_bit(config, tmp_path, killed_at):
    made = config(max_steps=8, checkpoint_every=2, preview_every=0)
    train(made, tmp_path / "whole.onnx", tmp_path / "whole", show_bar=False)

    killed = tmp_path / "killed"
    process = subprocess.Popen(_command(made, killed, "--run-dir", str(killed), "--quiet"), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if (killed / "losses.csv").is_file() and len(_losses_so_far(killed)) >= killed_at:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed.onnx").exists()

    assert main(["train", "--resume", str(killed), "-o", str(tmp_path / "killed.onnx"), "--quiet"]) == 0
    assert torch.equal(_weights(killed), _weights(tmp_path / "whole"))
    totals = [[row["total"] for row in _losses(folder)] for folder in (killed, tmp_path / "whole")]
    assert totals[0] == totals[1]


def _losses_so_far(folder: Path) -> list[str]:
    return (folder / "losses.csv").read_text().splitlines()[1:]


def test_ctrl_c_saves_exports_and_says_how_to_go_on(config, tmp_path):
    made = config(max_steps=1000, checkpoint_every=1000, preview_every=0)
    folder = tmp_path / "run"
    process = subprocess.Popen(
        _command(made, folder, "--run-dir", str(folder), "--quiet"), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
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
    more = ["--max-steps", str(done + 1), "--quiet", "-o", str(folder.with_suffix(".onnx"))]
    assert main(["train", "--resume", str(folder), *more]) == 0
    assert load_checkpoint(folder / "last.ckpt").step == done + 1


def test_two_processes_give_the_losses_of_one_at_equal_global_batch(config, tmp_path):
    made = config(max_steps=3, preview_every=0)
    train(made, tmp_path / "one.onnx", tmp_path / "one", show_bar=False)
    two = tmp_path / "two"
    command = _command(made, two, "--run-dir", str(two), "--devices", "2", "--strategy", "ddp", "--quiet")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"})

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(two.with_suffix(".onnx"))]
    for alone, shared in zip(_losses(tmp_path / "one"), _losses(two), strict=True):
        for name in ("content", "style", "tv", "total"):
            assert shared[name] == pytest.approx(alone[name], rel=2e-3)


def test_a_batch_that_does_not_divide_over_the_devices_is_refused(config, tmp_path):
    folder = tmp_path / "run"
    options = ["--batch-size", "3", "--devices", "2", "--strategy", "ddp", "--run-dir", str(folder), "--quiet"]
    done = subprocess.run(_command(config(), folder, *options), capture_output=True, text=True, timeout=300)

    assert done.returncode == 2
    assert "batch_size 3 does not divide over 2 devices; try 4" in done.stderr


def test_minutes_end_a_run_before_its_steps(config, tmp_path):
    outcome = train(config(max_steps=10_000, max_minutes=0.01), tmp_path / "s.onnx", tmp_path / "run", show_bar=False)

    assert 1 <= outcome.steps < 100
    assert not outcome.interrupted


def test_another_style_starts_from_its_checkpoint(config, tmp_path, monkeypatch):
    first = train(config(), tmp_path / "s.onnx", tmp_path / "first", show_bar=False)
    at_start = []
    monkeypatch.setattr(
        StyleTransferModule, "on_train_start", lambda self: at_start.append(self.network.state_dict()["layers.0.0.weight"].clone())
    )
    train(config(init_from=str(first.checkpoint), max_steps=1), tmp_path / "t.onnx", tmp_path / "second", show_bar=False)

    torch.testing.assert_close(at_start[0], load_checkpoint(first.checkpoint).network.state_dict()["layers.0.0.weight"])


def test_another_preset_cannot_start_from_it(config, tmp_path):
    first = train(config(max_steps=1), tmp_path / "s.onnx", tmp_path / "first", show_bar=False)

    with pytest.raises(ConfigError, match="holds a johnson-half network, this run trains johnson"):
        train(config(preset="johnson", init_from=str(first.checkpoint)), tmp_path / "t.onnx", tmp_path / "second")


def test_a_folder_with_a_run_is_not_run_over(config, tmp_path):
    train(config(max_steps=1), tmp_path / "s.onnx", tmp_path / "run", show_bar=False)

    with pytest.raises(ConfigError, match="holds a run already; give --resume to go on with it, or another --run-dir"):
        train(config(), tmp_path / "s.onnx", tmp_path / "run")


def test_there_must_be_something_to_resume(config, tmp_path):
    with pytest.raises(ConfigError, match="nothing to resume"):
        train(config(), tmp_path / "s.onnx", tmp_path / "run", resume=True)


def test_unreadable_photographs_are_left_out_and_counted(config, tmp_path, photographs):
    broken = tmp_path / "photographs"
    broken.mkdir()
    for path in photographs.glob("*.png"):
        (broken / path.name).write_bytes(path.read_bytes())
    (broken / "broken.jpg").write_bytes(b"")
    outcome = train(config(content_dir=(str(broken),), max_steps=5), tmp_path / "s.onnx", tmp_path / "r", show_bar=False)

    assert outcome.unreadable == (str(broken / "broken.jpg"),)


def test_a_loss_that_is_not_finite_leaves_the_last_good_checkpoint(config, tmp_path, monkeypatch):
    healthy = StyleTransferModule.training_step

    def breaks_at_step_3(self, batch, batch_idx):
        if self.global_step == 3:
            with torch.no_grad():
                self.network.layers[-1].bias.fill_(torch.nan)
        return healthy(self, batch, batch_idx)

    monkeypatch.setattr(StyleTransferModule, "training_step", breaks_at_step_3)
    with pytest.raises(TrainingError, match=r"step 3: the content loss is nan; the last good checkpoint is .*last\.ckpt \(step 2\)"):
        train(config(), tmp_path / "s.onnx", tmp_path / "run", show_bar=False)
    assert load_checkpoint(tmp_path / "run" / "last.ckpt").step == 2
    assert not (tmp_path / "s.onnx").exists()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"style": "no-such-painting.jpg"}, ImageError, "no-such-painting.jpg"),
        ({"content_dir": ("no-such-folder",)}, ImageError, "no-such-folder"),
        ({"preset": "jonson"}, ConfigError, "did you mean 'johnson'"),
    ],
)
def test_what_cannot_work_is_said_before_training(config, tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        train(config(**change), tmp_path / "s.onnx", tmp_path / "run")
