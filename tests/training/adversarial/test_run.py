"""Whole runs of two sides: what leaves them, what is kept, and what is told."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fast_nst.cli import main
from fast_nst.errors import ConfigError, TrainingError
from fast_nst.images import Picture, read_pixels, write_picture
from fast_nst.inference import Stylizer
from fast_nst.training.adversarial import watch
from fast_nst.training.adversarial.collapse import Lookout
from fast_nst.training.adversarial.config import AdversarialConfig
from fast_nst.training.adversarial.watch import Watch
from fast_nst.training.callbacks import read_losses
from fast_nst.training.checkpoint import load_checkpoint, read_checkpoint
from fast_nst.training.data import Crops
from fast_nst.training.module import Lot, draw_lot
from fast_nst.training.paintings import collections_in
from fast_nst.training.run import build_module, train

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
SHORT = ["--crop-size", "64", "--workers", "0", "--accelerator", "cpu", "--preset", "fast", "--loss-network", "mini"]
SHORT += ["--content-layers", "relu2_1"]


@pytest.fixture(scope="session")
def works(tmp_path_factory):
    """Two artists' folders: one's three pictures have stripes, the other's two have grain."""
    folder, rng = tmp_path_factory.mktemp("works"), np.random.default_rng(0)
    stripes = 128 + 100 * np.sign(np.sin(np.arange(90) / 2))[None, :, None] * np.ones((90, 1, 3))
    for number in range(3):
        pixels = (stripes + rng.normal(0, 10, stripes.shape)).clip(0, 255).astype(np.uint8)
        write_picture(folder / "Ada Striper" / f"{number}.png", Picture(pixels))
    for number in range(2):
        pixels = rng.normal(120, 60, (80, 100, 3)).clip(0, 255).astype(np.uint8)
        write_picture(folder / "grainer" / f"{number}.png", Picture(pixels))
    return folder


@pytest.fixture(scope="session")
def made_for(config, works):
    """Return a function that makes the configuration of a tiny adversarial run, with changes."""

    def make(*, folder=works, adversary=None, **changes):
        objective = config().objective
        told = {
            "style": (),
            "paintings": collections_in(folder),
            "fixed_strength": False,
            "adversary": AdversarialConfig(adversarial=True, **(adversary or {})),
            "objective": replace(objective, loss_network="mini", style_weight=0.0, content_weight=1.0),
        }
        return config(**(told | changes))

    return make


@pytest.fixture(scope="session")
def finished(made_for, tmp_path_factory):
    """A run on both artists: its file and its folder."""
    folder = tmp_path_factory.mktemp("adversarial") / "run"
    train(made_for(max_steps=6), folder.with_suffix(".onnx"), folder, show_bar=False)
    return folder.with_suffix(".onnx"), folder


def batch_of(*indices):
    images = torch.rand(len(indices), 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return Crops(images, (), indices)


def whole_strength(styles=1):
    """Return the number of a crop that is painted with strength 1."""
    return next(index for index in range(99) if draw_lot(0, (index,), styles).strengths == (1.0,))


# What is learnt from


def test_each_folder_is_an_artist_and_one_folder_is_one(works):
    both = collections_in(works)
    assert list(both) == ["ada-striper", "grainer"]
    assert [len(told["style"]) for told in both.values()] == [3, 2]
    assert list(collections_in(works / "grainer")) == ["grainer"]


def test_pictures_beside_folders_are_of_one_artist_with_all_in_them(works, tmp_path):
    shutil.copytree(works, tmp_path / "all-of-ada")
    shutil.copy(works / "grainer" / "0.png", tmp_path / "all-of-ada")
    (told,) = collections_in(tmp_path / "all-of-ada").values()
    assert len(told["style"]) == 6


def test_a_folder_is_called_by_its_whole_name(works, tmp_path, monkeypatch):
    for name in ("J. Sargent", "J.M.W. Turner"):
        shutil.copytree(works / "grainer", tmp_path / name)
    assert list(collections_in(tmp_path)) == ["j-sargent", "j-m-w-turner"]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "Vincent").symlink_to(works / "grainer")
    assert list(collections_in(tmp_path / "elsewhere" / "Vincent")) == ["vincent"]
    monkeypatch.chdir(works / "Ada Striper")
    assert list(collections_in(Path())) == ["ada-striper"]


def test_two_folders_of_one_name_are_told(works, tmp_path):
    for name in ("Ada Striper", "ada_striper"):
        shutil.copytree(works / "Ada Striper", tmp_path / name)
    with pytest.raises(ConfigError, match="would both be the style ada-striper; rename one of them"):
        collections_in(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"adversarial_loss": "wasserstein"}, "'wasserstein', expected one of cross-entropy, least-squares, hinge"),
        ({"adversarial_weight": -1.0}, "adversarial_weight is -1.0, expected at least 0"),
        ({"discriminator_rate": 0.0}, "discriminator_rate is 0.0, expected a number above 0"),
        ({"picture_crop": 0.0}, "picture_crop is 0.0, expected a share above 0 and up to 1"),
        ({"average_decay": 1.0}, "average_decay is 1.0, expected at least 0 and less than 1"),
    ],
)
def test_options_that_make_no_sense_are_told(options, message):
    with pytest.raises(ConfigError, match=message):
        AdversarialConfig(adversarial=True, **options)


def test_an_option_of_a_discriminator_without_one_is_told(works, photographs, capsys):
    told = ["train", "--style", str(works / "grainer" / "0.png"), "--content-dir", str(photographs)]
    assert main([*told, "--adversarial-weight", "3"]) == 2
    assert "--adversarial-weight is of adversarial runs; give --adversarial too" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accumulate": 2}, "accumulate is 2; an adversarial run steps both sides by whole batches"),
        ({"crop_size": 48}, "crop_size is 48, expected at least 64"),
        ({"precision": "16-mixed"}, "32-true or bf16-mixed"),
        ({"paintings": {}, "style": ("a.jpg",)}, "give it with --style-dir"),
    ],
)
def test_what_does_not_go_together_is_told(made_for, changes, message):
    with pytest.raises(ConfigError, match=message):
        made_for(**changes)


def test_crops_of_pictures_are_of_a_quarter_to_all_of_what_is_asked_for(made_for):
    pictures = build_module(made_for(adversary={"picture_crop": 0.6})).pictures
    assert {(one.least_share, one.most_share) for one in pictures} == {(0.15, 0.6)}


def test_all_bodies_of_work_share_one_memory(made_for):
    made = made_for(cache_gib=1.0)
    kept = [one._room + sum(pixels.nbytes for pixels in one._kept.values()) for one in build_module(made).pictures]
    assert kept == [2**30 // 2] * 2


# Both sides


def stepped(made, **changes):
    """Return the module after a step by hand, and the weights of both sides before it."""
    torch.manual_seed(0)
    module = build_module(made(**changes))
    before = [
        {n: w.detach().clone() for n, w in side.named_parameters()} for side in (module.network, module.discriminator)
    ]
    optimizer = module.configure_optimizers()
    for group in optimizer.param_groups:
        group["lr"] *= group["share"]
    module.manual_backward = lambda loss: loss.backward()
    module._step = optimizer.step
    module.training_step(batch_of(whole_strength(2)), 0)
    return module, before


def changes_of(side, before):
    return {name: weight.detach() - before[name] for name, weight in side.named_parameters()}


def gradients_of(made, *, critic=True, **changes):
    """Return the module after the gradients of a step, with or without those of what the discriminator loses."""
    torch.manual_seed(0)
    module = build_module(made(**changes))
    module.manual_backward = lambda loss: loss.backward()
    module._step = lambda: None
    if not critic:
        seen = module._critic
        module._critic = lambda *told: seen(*told).detach() * 0
    module.training_step(batch_of(whole_strength(2)), 0)
    return module


def test_pastiches_as_the_discriminator_learns_from_them_give_the_painter_no_gradient(made_for):
    both, alone = gradients_of(made_for), gradients_of(made_for, critic=False)
    for one, other in zip(both.network.parameters(), alone.network.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        assert one.grad is None or torch.equal(one.grad, other.grad)
    assert all(weight.grad is None for weight in alone.discriminator.parameters())


def test_what_the_discriminator_loses_does_not_reach_the_painter(made_for):
    (module, before), (other, _) = (stepped(made_for, adversary={"discriminator_rate": rate}) for rate in (1.0, 9.0))
    assert all(
        torch.equal(mine, his)
        for mine, his in zip(module.network.parameters(), other.network.parameters(), strict=True)
    )
    ours, theirs = changes_of(module.discriminator, before[1]), changes_of(other.discriminator, before[1])
    moved = [name for name in ours if ours[name].abs().max() > 0]
    assert moved
    assert all(theirs[name].abs().max() > 5 * ours[name].abs().max() for name in moved)


def test_what_the_painter_wants_does_not_reach_the_discriminator(made_for):
    (module, before), (other, _) = (
        stepped(made_for, adversary={"adversarial_weight": weight}) for weight in (0.0, 5.0)
    )
    mine, his = (changes_of(one.discriminator, before[1]) for one in (module, other))
    assert all(torch.equal(mine[name], his[name]) for name in mine)
    painted, otherwise = (changes_of(one.network, before[0]) for one in (module, other))
    assert any(not torch.equal(painted[name], otherwise[name]) for name in painted)


@pytest.mark.parametrize("loss", ["cross-entropy", "least-squares", "hinge"])
def test_the_discriminator_learns_to_tell_pictures_from_pastiches(made_for, works, loss):
    told = {"adversarial_loss": loss, "augment_target": 0.0, "gradient_penalty": 0.01 if loss == "hinge" else 0.0}
    torch.manual_seed(0)
    module = build_module(made_for(folder=works / "Ada Striper", adversary=told))
    optimizer = torch.optim.Adam(module.discriminator.parameters(), lr=2e-3)
    module.manual_backward = lambda loss: loss.backward()
    module._step = lambda: (optimizer.step(), optimizer.zero_grad())
    for _ in range(25):
        terms = module.training_step(batch_of(whole_strength()), 0)["terms"]
    assert terms["d_real"] > terms["d_fake"] + 0.3


@pytest.mark.parametrize(("loss", "undecided"), [("cross-entropy", 2 * math.log(2)), ("least-squares", 0.5)])
def test_of_faint_pastiches_the_discriminator_hears_nothing(made_for, loss, undecided):
    number = next(index for index in range(99) if draw_lot(0, (index,), 2).strengths[0] < 1)
    module = build_module(made_for(adversary={"adversarial_loss": loss}))
    module.manual_backward = lambda loss: loss.backward()
    module._step = lambda: None
    terms = module.training_step(batch_of(number), 0)["terms"]
    assert all(not weight.grad.any() for weight in module.discriminator.parameters() if weight.grad is not None)
    assert terms["adversarial"] == 0
    assert terms["discriminator"] == pytest.approx(undecided)  # as before it saw any
    assert terms["d_real"] == terms["d_fake"] == 0.5


def test_faint_pastiches_come_near_to_what_is_painted_at_strength_1(made_for):
    module, lot = build_module(made_for()), Lot(1, (0.5, 1.0, 0.25))
    content = batch_of(0, 1, 2).images
    with torch.no_grad():
        whole = module.painter(content, torch.tensor([0.0, 1.0]), torch.ones(3))
    assert module._distance_to_whole(content, whole, lot).abs().max() < 1e-6
    half = (content + whole) / 2
    far, near = (module._distance_to_whole(content, pastiche, lot) for pastiche in (content, half))
    assert far[1] == near[1] == 0  # not a faint one
    assert all(far[number] > near[number] > 0 for number in (0, 2))


def test_what_is_painted_at_strength_1_does_not_come_near_to_faint_pastiches(made_for):
    module = build_module(made_for())
    pastiche = batch_of(0).images.requires_grad_()
    module._distance_to_whole(batch_of(0).images, pastiche, Lot(0, (0.5,))).sum().backward()
    assert pastiche.grad.abs().max() > 0
    assert all(weight.grad is None for weight in module.parameters())


@pytest.mark.parametrize("style", [0, 1])
def test_both_sides_are_asked_about_the_style_that_is_painted_and_shown_its_pictures(made_for, style, monkeypatch):
    number = next(i for i in range(99) if draw_lot(0, (i,), 2)[:2] == (style, (1.0,)))
    module, asked, shown = build_module(made_for()), [], []
    judge, critic = type(module.discriminator).forward, module._critic
    monkeypatch.setattr(
        type(module.discriminator), "forward", lambda self, seen, style: asked.append(style) or judge(self, seen, style)
    )
    monkeypatch.setattr(module, "_critic", lambda works, *told: shown.append(works) or critic(works, *told))
    module.manual_backward = lambda loss: loss.backward()
    module._step = lambda: None
    module.training_step(batch_of(number), 0)
    assert asked == [style, style]
    assert torch.equal(shown[0], module.pictures[style].batch((number,)).images)


def test_pictures_and_pastiches_are_changed_alike_often(made_for, monkeypatch):
    module, seen = build_module(made_for()), []
    look = module.discriminator.activations
    monkeypatch.setattr(module.discriminator, "activations", lambda pictures: seen.append(pictures) or look(pictures))
    module.manual_backward = lambda loss: loss.backward()
    module._step = lambda: None
    module.augment_probability = 1.0
    module.training_step(batch_of(whole_strength(2)), 0)
    assert len(seen) == 2
    assert all((pictures == 0.5).all(1).sum() >= 32 * 32 for pictures in seen)  # the hole


def test_the_gradient_penalty_is_r1(made_for):
    told = {"gradient_penalty": 3.0}
    module = build_module(made_for(adversary=told))
    works = module.pictures[0].batch((0,)).images
    lot, fake = Lot(0, (1.0,)), [one.detach() for one in module.discriminator.activations(batch_of(0).images)]
    module.discriminator.eval()  # so that power iteration stands still
    penalised = module._critic(works, fake, lot, [np.random.default_rng(0)])
    plain = build_module(made_for())
    plain.load_state_dict(module.state_dict())
    plain.discriminator.eval()
    alone = plain._critic(works, fake, lot, [np.random.default_rng(0)])
    leaf = works.clone().requires_grad_()
    logits = plain.discriminator(plain.discriminator.activations(leaf), 0)
    (slope,) = torch.autograd.grad(sum(of_head.mean() for of_head in logits) / len(logits), leaf)
    assert slope.square().sum() > 0
    assert (penalised - alone).item() == pytest.approx(3 / 2 * slope.square().sum().item(), rel=1e-3, abs=1e-7)


def test_the_running_mean_follows_the_weights(made_for, monkeypatch):
    module = build_module(made_for(adversary={"average_decay": 0.9}))
    monkeypatch.setattr(type(module), "global_step", 2)
    name, weight = next(iter(module.network.named_parameters()))
    kept = dict(module.average.named_parameters())[name]
    kept.fill_(1.0), weight.data.fill_(2.0)
    module._follow()  # after 2 steps it keeps 3/12
    assert kept.unique().item() == pytest.approx(1.75)
    monkeypatch.setattr(type(module), "global_step", 1000)
    module._follow()  # and later 0.9
    assert kept.unique().item() == pytest.approx(0.9 * 1.75 + 0.1 * 2)
    assert weight.unique().item() == 2


def test_pictures_are_changed_more_often_the_surer_the_discriminator_is_of_the_artists(made_for):
    module = build_module(made_for())
    lot, losses = Lot(0, (1.0, 0.5)), torch.ones(2)
    certain, wrong = torch.full((2, 9), 5.0), torch.full((2, 9), -5.0)
    module._note([certain], [wrong], losses, lot)
    assert module.verdict.tolist() == pytest.approx([0.9933, 0.0067, 1.0], abs=1e-3)
    assert module.agreement.tolist() == [2, 2]
    module._adapt()
    assert module.augment_probability == pytest.approx(2 / 4000)
    assert module.agreement.tolist() == [0, 0]
    module._note([wrong], [certain], losses, lot)  # sure of pastiches, not of the artist's
    module._adapt()
    assert module.augment_probability == 0


def test_the_sides_go_at_their_own_rates_from_the_first_step(made_for):
    module = build_module(made_for(adversary={"discriminator_rate": 3.0}, max_steps=1000))
    optimizer = module.configure_optimizers()
    module._trainer = SimpleNamespace(optimizers=[optimizer], global_step=0)
    module.on_train_batch_start(batch_of(0), 0)
    painter, rows, discriminator = (group["lr"] for group in optimizer.param_groups)
    rate = module.config.learning_rate
    assert discriminator == pytest.approx(3 * rate)
    assert painter == pytest.approx(0.01 * rate)  # warms up
    assert rows == pytest.approx(2 * painter)  # of two styles
    assert {group["betas"] for group in optimizer.param_groups} == {(0.5, 0.99)}


def test_either_sides_gradient_is_shortened(made_for):
    module = build_module(made_for())
    for weight in module.parameters():
        weight.grad = torch.full_like(weight, 1e3)
    module.on_before_optimizer_step(module.configure_optimizers())
    for side in (module.network, module.discriminator):
        norm = torch.nn.utils.get_total_norm([weight.grad for weight in side.parameters()])
        assert norm.item() == pytest.approx(module.config.max_gradient, rel=1e-3)


def test_all_that_the_painter_wants_is_in_its_gradient(made_for):
    number = next(index for index in range(99) if draw_lot(0, (index,), 2).strengths[0] < 1)
    gradients = []
    for weight in (0.0, 4.0):
        torch.manual_seed(0)
        module = build_module(made_for(adversary={"adversarial_weight": weight}))
        torch.nn.init.normal_(module.average.styles)  # so that strength 1 is another picture
        module.manual_backward = lambda loss: loss.backward()
        module._step = lambda: None
        assert module.training_step(batch_of(number), 0)["terms"]["faint"] > 0
        gradients.append(next(module.network.parameters()).grad)
    assert not torch.allclose(*gradients)


# What a run leaves


def test_a_run_leaves_a_file_that_stylizes_and_the_curves_of_both_sides(finished):
    model, folder = finished
    stylizer = Stylizer(model)
    assert stylizer.styles == ("ada-striper", "grainer")
    photograph = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    assert stylizer.choose(styles=["grainer"], strength=0.5)(photograph).shape == (50, 70, 3)
    assert json.loads(stylizer.metadata["adversary"])["adversarial_loss"] == "cross-entropy"
    rows = read_losses(folder / "losses.csv")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert all(0 <= row[name] <= 1 for row in rows for name in ("d_real", "d_fake", "augment_probability"))
    assert read_pixels(folder / "sides.png").shape[0] > 300


def test_what_leaves_is_the_running_mean(finished):
    _, folder = finished
    state = read_checkpoint(folder / "last.ckpt")["state_dict"]
    kept = dict(load_checkpoint(folder / "last.ckpt").network.named_parameters())
    name = next(iter(kept))
    assert torch.equal(kept[name], state[f"average.{name}"])
    assert not torch.equal(kept[name], state[f"network.{name}"])


def test_a_running_mean_that_keeps_nothing_of_itself_is_the_network(made_for, tmp_path, no_export):
    made = made_for(max_steps=5, adversary={"average_decay": 0.0, "augment_target": 0.01})
    train(made, tmp_path / "model.onnx", tmp_path / "run", show_bar=False)
    kept = read_checkpoint(tmp_path / "run" / "last.ckpt")
    state = kept["state_dict"]
    means = [name for name in state if name.startswith("average.")]
    assert means
    assert all(torch.allclose(state[name], state[name.replace("average", "network", 1)]) for name in means)
    assert state["agreement"][1] == made.batch_size  # since step 4, when the probability was set


def test_a_run_resumed_is_the_run_that_was_not_stopped(made_for, finished, tmp_path, no_export, monkeypatch):
    whole, made = read_checkpoint(finished[1] / "last.ckpt"), made_for(max_steps=6)
    with monkeypatch.context() as patch:
        patch.setattr(Watch, "after_step", _ctrl_c_at_step_3)
        stopped = train(made, tmp_path / "model.onnx", tmp_path / "run", show_bar=False)
    assert stopped.interrupted
    assert stopped.steps < 6
    train(made, tmp_path / "model.onnx", tmp_path / "run", resume=True, show_bar=False)
    resumed = read_checkpoint(tmp_path / "run" / "last.ckpt")
    assert whole["augment_probability"] == resumed["augment_probability"]
    before, after = whole["state_dict"], resumed["state_dict"]
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_two_processes_learn_what_one_does(works, photographs, tmp_path):
    told = ["--adversarial", "--style-dir", str(works / "Ada Striper"), "--content-dir", str(photographs), *SHORT]
    steps = ["--max-steps", "5", "--batch-size", "2", "--precision", "32-true"]
    made = [*told, *steps, "--from-scratch", "--quiet", "--augment-target", "0.01"]
    for name, options in (("one", []), ("two", ["--devices", "2", "--strategy", "ddp"])):
        paths = ["--run-dir", str(tmp_path / name), "-o", str(tmp_path / f"{name}.onnx")]
        command = [sys.executable, "-m", "fast_nst", "train", *made, *options, *paths]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=ONE_THREAD)
        assert done.returncode == 0, done.stderr
    alone, shared = (read_losses(tmp_path / name / "losses.csv") for name in ("one", "two"))
    for mine, ours in zip(alone, shared, strict=True):
        for name in ("content", "adversarial", "faint", "discriminator", "d_real", "d_fake", "augment_probability"):
            assert ours[name] == pytest.approx(mine[name], rel=1e-3, abs=1e-5)


def test_one_command_learns_from_a_folder_of_an_artists_pictures(works, photographs, tmp_path, capsys):
    told = ["train", "--adversarial", "--style-dir", str(works / "grainer"), "--content-dir", str(photographs), *SHORT]
    made = [*told, "--max-steps", "1", "--quiet", "--run-dir", str(tmp_path / "run"), "-o", str(tmp_path / "one.onnx")]
    assert main(made) == 0
    told = capsys.readouterr().err
    assert "1 style: grainer (2 pictures)" in told
    assert "balanced for" not in told
    assert "d_real" in told
    assert Stylizer(tmp_path / "one.onnx").info.title == "Grainer"


# What goes wrong is told


def test_a_loss_that_is_not_finite_ends_the_run_before_a_step(made_for, monkeypatch):
    module = build_module(made_for())
    weights = [weight.detach().clone() for weight in module.parameters()]
    monkeypatch.setattr(module, "sides", module.sides._replace(generator=lambda logits: logits * torch.nan))
    with pytest.raises(TrainingError, match="the adversarial loss is nan"):
        module.training_step(batch_of(whole_strength(2)), 0)
    assert all(torch.equal(old, new) for old, new in zip(weights, module.parameters(), strict=True))


def test_an_odd_gradient_of_the_discriminator_is_left_out(made_for):
    module = build_module(made_for())
    for weight in module.parameters():
        weight.grad = torch.ones_like(weight)
    next(module.discriminator.parameters()).grad.fill_(torch.nan)
    module.on_before_optimizer_step(module.configure_optimizers())
    assert all(not weight.grad.any() for weight in module.discriminator.parameters())
    assert all(weight.grad.all() for weight in module.network.parameters())


def test_a_picture_of_the_artist_that_cannot_be_read_is_told(made_for, works, tmp_path, no_export):
    folder = tmp_path / "ada"
    shutil.copytree(works / "Ada Striper", folder)
    (folder / "broken.png").write_bytes(b"no picture")
    told = train(made_for(folder=folder, max_steps=4), tmp_path / "model.onnx", tmp_path / "run", show_bar=False)
    assert told.unreadable == (str(folder / "broken.png"),)


def test_a_picture_that_cannot_be_read_does_not_end_a_run_that_starts_from_a_base(works, photographs, tmp_path, capsys):
    folder = tmp_path / "ada"
    shutil.copytree(works / "Ada Striper", folder)
    (folder / "broken.png").write_bytes(b"no picture")
    write_picture(folder / "tiny.png", Picture(np.zeros((1, 1, 3), np.uint8)))
    paths = ["--style-dir", str(folder), "--run-dir", str(tmp_path / "run"), "-o", str(tmp_path / "one.onnx")]
    told = ["train", "--adversarial", "--content-dir", str(photographs), *paths, *SHORT]
    assert main([*told, "--max-steps", "5", "--quiet"]) == 0
    assert f"could not read 1 picture, left out: {folder / 'broken.png'}" in capsys.readouterr().err


def test_trouble_is_told_while_it_happens(made_for, tmp_path, capsys, monkeypatch, no_export):
    monkeypatch.setattr(Lookout, "see", lambda _self, real, fake: [f"trouble {real:.1f} {fake:.1f}"])
    monkeypatch.setattr(watch, "_READ_EVERY", 2)
    train(made_for(max_steps=2), tmp_path / "model.onnx", tmp_path / "run", show_bar=False)
    told = capsys.readouterr().err
    assert "fast-nst: step 1: trouble 0." in told
    assert "fast-nst: step 2: trouble 0." in told


def test_pastiches_are_looked_at_while_a_run_goes_on_in_each_style_faint_and_whole(
    made_for, tmp_path, capsys, monkeypatch, no_export
):
    seen = []
    monkeypatch.setattr(Lookout, "compare", lambda _self, *told: seen.append(told) or ["all the same"])
    monkeypatch.setattr(watch, "_COMPARED_EVERY", 2)
    train(made_for(max_steps=2), tmp_path / "model.onnx", tmp_path / "run", show_bar=False)
    assert "fast-nst: step 2: all the same" in capsys.readouterr().err
    (told,) = seen
    photographs, *pastiches = told
    assert len(pastiches) == 2 * 2
    faint, whole = pastiches[:2]
    assert (faint - photographs).abs().mean() < (whole - photographs).abs().mean()


def _ctrl_c_at_step_3(_watch, trainer, _module):
    if trainer.global_step == 3:
        signal.raise_signal(signal.SIGINT)
