import signal

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from fast_nst.cli import gatys, main
from fast_nst.cli.gatys import recipes
from fast_nst.cli.options import build, read_yaml
from fast_nst.gatys import GatysConfig, descent
from fast_nst.images import read_picture


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory):
    """Random weights of conv1_1, which is all that the runs below look at."""
    generator = torch.Generator().manual_seed(0)
    state = {
        "features.0.weight": 0.3 * torch.randn(64, 3, 3, 3, generator=generator),
        "features.0.bias": torch.zeros(64),
    }
    path = tmp_path_factory.mktemp("vgg") / "conv1_1.safetensors"
    save_file(state, path, metadata={"input": "torchvision"})
    return path


@pytest.fixture
def run(vgg_file, save_picture, tmp_path, monkeypatch, capsys):
    """Return a function that repaints photo.png in a small run: exit code, lines on stdout, text on stderr."""
    monkeypatch.chdir(tmp_path)
    save_picture("photo.png", 40, 60)
    save_picture("painting.png", 50, 40)
    layers = ["--content-layers", "relu1_1", "--style-layers", "relu1_1", "--loss-network", str(vgg_file)]
    small = ["--style-levels", "1", "--style-size", "32", "--size", "24", "--steps", "4", "--device", "cpu"]

    def run(*options, content="photo.png", style="painting.png", output="out.png"):
        code = main(["gatys", str(content), style, "-o", str(output), *layers, *small, *map(str, options)])
        captured = capsys.readouterr()
        return code, captured.out.splitlines(), captured.err

    return run


@pytest.fixture
def ctrl_c(monkeypatch):
    """Return a function that has Ctrl-C pressed while the losses of a step are looked at."""

    def press_at(number):
        def check(step):
            if step.step == number:
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(descent, "_check_finite", check)

    return press_at


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_picture_is_repainted_with_its_history_beside_it(run, tmp_path):
    code, out, err = run("--snapshot-every", 2)
    assert (code, out) == (0, ["out.png"])
    assert read_picture("out.png").pixels.shape == (16, 24, 3)
    expected = ["config.yaml", "history.csv", "history.png", "step-0002.png", "step-0004.png"]
    assert files(tmp_path / "out-history") == expected
    assert "fast-nst: 4 of 4 steps in" in err
    assert err.rstrip().endswith("curves in out-history")
    last = read_picture("out-history/step-0004.png").pixels
    np.testing.assert_array_equal(read_picture("out.png").pixels, last)


def test_the_progress_bar_shows_the_losses(run):
    err = run("--progress")[2]
    assert "4/4" in err
    for name in ("content=", "style=", "tv=", "total="):
        assert name in err


def test_the_configuration_of_a_run_repeats_it(run):
    run("--init", "noise", "--seed", 3)
    code, _, err = run("--config", "out-history/config.yaml", output="again.png")
    assert code == 0, err
    np.testing.assert_array_equal(read_picture("again.png").pixels, read_picture("out.png").pixels)


def test_what_is_typed_wins_over_a_recipe(run, tmp_path):
    assert run("--recipe", "gatys2016", "--init", "content")[0] == 0
    values = read_yaml(tmp_path / "out-history" / "config.yaml")
    assert (values["constants"], values["pooling"], values["tv_weight"]) == ("gatys2016", "average", 0.0)
    assert (values["init"], values["steps"], values["style_layers"]) == ("content", 4, {"relu1_1": 1.0})


def test_an_unknown_recipe_suggests_the_nearest(run):
    code, _, err = run("--recipe", "gatis2016")
    assert code == 2
    assert err.startswith("fast-nst: there is no recipe 'gatis2016'; did you mean 'gatys2016'?")


@pytest.mark.parametrize("name", recipes())
def test_every_shipped_recipe_is_a_configuration(name):
    values = read_yaml(recipes()[name])
    build(GatysConfig, values)
    assert values == {}, "names that are no option"


def test_the_papers_recipe_ships():
    assert "gatys2016" in recipes()


def test_a_target_ends_the_run_early(run):
    code, out, err = run("--target", 1e9)
    assert (code, out) == (0, ["out.png"])
    assert "fast-nst: 0 of 4 steps in" in err


def test_transparency_is_kept(run, save_picture):
    alpha = np.zeros((40, 60), np.uint8)
    alpha[:, 30:] = 255
    save_picture("clear.png", 40, 60, alpha=alpha)
    assert run(content="clear.png")[0] == 0
    kept = read_picture("out.png").alpha
    assert kept.shape == (16, 24)
    assert (kept[:, 0].max(), kept[:, -1].min()) == (0, 255)


def test_ctrl_c_keeps_the_picture_so_far_and_says_so(run, ctrl_c, tmp_path):
    ctrl_c(3)
    code, out, err = run("--snapshot-every", 2)
    assert (code, out) == (130, ["out.png"])
    assert "fast-nst: interrupted, and the picture so far is kept: 2 of 4 steps in" in err
    np.testing.assert_array_equal(read_picture("out.png").pixels, read_picture("out-history/step-0002.png").pixels)
    assert (tmp_path / "out-history" / "history.csv").read_text().count("\n") == 4  # the header, the start, two steps


def test_ctrl_c_before_there_is_a_picture_leaves_nothing(run, ctrl_c, tmp_path):
    ctrl_c(0)
    code, out, err = run()
    assert (code, out) == (130, [])
    assert err.rstrip().endswith("fast-nst: interrupted")
    assert files(tmp_path) == ["painting.png", "photo.png"]


def test_an_existing_output_is_refused_before_the_work_and_replaced_when_asked(run, save_picture, tmp_path):
    save_picture("out.png", 8, 8)
    code, out, err = run()
    assert (code, out) == (2, [])
    assert "out.png: exists already; give --overwrite" in err
    assert not (tmp_path / "out-history").exists()
    assert run("--overwrite")[0] == 0
    assert read_picture("out.png").pixels.shape == (16, 24, 3)


def test_an_existing_history_is_refused_and_replaced_when_asked(run, tmp_path):
    run("--snapshot-every", 1)
    (tmp_path / "out.png").unlink()
    code, _, err = run()
    assert code == 2
    assert "out-history: exists already; give --overwrite" in err
    assert run("--overwrite", "--snapshot-every", 0)[0] == 0
    assert files(tmp_path / "out-history") == ["config.yaml", "history.csv", "history.png"]


@pytest.mark.parametrize("name", ["photo.png", "painting.png", "start.png"])
def test_an_input_is_never_overwritten(run, save_picture, name):
    save_picture("start.png", 16, 24)
    code, out, err = run("--overwrite", "--init", "start.png", output=name)
    assert (code, out) == (2, [])
    assert f"{name}: an input, which is never overwritten" in err


@pytest.mark.parametrize(
    ("options", "names", "message"),
    [
        ((), {"content": "gone.png"}, "gone.png: no such file"),
        ((), {"style": "gone.png"}, "gone.png: no such file"),
        ((), {"output": "out.xyz"}, "out.xyz: cannot write .xyz"),
        (("--steps", 0), {}, "steps is 0, expected at least 1"),
        (("--init", "nose"), {}, "did you mean 'noise'?"),
        (("--stepps", 3), {}, "--steps"),
        (("--loss-network", "gone.pth"), {}, "no weights at gone.pth"),
        (("--content-layers", "relu1_1,conv2_1"), {}, "lacks conv1_2, conv2_1"),
        (("--learning-rate", 1e30), {}, "lower learning rate"),
    ],
)
def test_what_goes_wrong_is_said_and_no_picture_is_written(run, tmp_path, options, names, message):
    code, out, err = run(*options, **names)
    assert (code, out) == (2, [])
    assert message in err
    assert not (tmp_path / "out.png").exists()


def test_a_broken_photograph_is_named(run, tmp_path):
    (tmp_path / "broken.png").write_bytes((tmp_path / "photo.png").read_bytes()[:200])
    code, _, err = run(content="broken.png")
    assert code == 2
    assert "broken.png: damaged" in err


def test_the_picture_forming_is_shown(run):
    assert run("--animation", "film.webp", "--steps", 8)[0] == 0
    with Image.open("film.webp") as film:
        assert film.size == (24, 16)
        assert film.n_frames > 2


def test_an_animation_needs_a_name_of_its_own(run, tmp_path):
    code, _, err = run("--animation", "out.webp", output="out.webp")
    assert code == 2
    assert "out.webp: the picture's own name" in err
    assert files(tmp_path) == ["painting.png", "photo.png"]


def test_coarse_to_fine_ends_at_the_size_asked_for_even_when_it_is_interrupted(run, ctrl_c, tmp_path):
    code, _, err = run("--start-size", 12, "--steps", 4)
    assert (code, read_picture("out.png").pixels.shape) == (0, (16, 24, 3))
    assert "fast-nst: 7 of 7 steps in" in err  # 4 and 2, and the start of the second size
    ctrl_c(2)
    code, _, err = run("--start-size", 12, "--steps", 4, output="broken-off.png")
    assert (code, read_picture("broken-off.png").pixels.shape) == (130, (16, 24, 3))


@pytest.mark.parametrize(
    ("options", "seconds", "told"),
    [
        ((), 3.4, "painted at 24 px, in about 3 seconds"),
        (("--start-size", 6), 89.4, "painted at 6, then 12, then 24 px, in about 89 seconds"),
        (("--start-size", 0), 140.0, "painted at 24 px, in about 2 minutes"),
        (("--max-minutes", 1), 140.0, "painted at 24 px, in about 60 seconds"),
    ],
)
def test_sizes_and_time_are_told_before_the_work(run, monkeypatch, options, seconds, told):
    monkeypatch.setattr(gatys, "expected_seconds", lambda *_: seconds)
    code, _, err = run(*options)
    assert code == 0
    assert 0 <= err.index(f"fast-nst: the picture is {told}\n") < err.index("steps in")


def test_the_time_told_is_that_of_this_machine(run, monkeypatch):
    found = []
    expected_seconds = gatys.expected_seconds
    monkeypatch.setattr(gatys, "expected_seconds", lambda *given: found.append(expected_seconds(*given)) or found[0])
    err = run()[2]
    assert f"in about {found[0]:.0f} seconds" in err
    assert 0 < found[0] < 60


def test_several_paintings_are_blended(run, save_picture):
    save_picture("other.png", 30, 30)
    assert run("other.png", "--style-blend", "1,0")[0] == 0
    first = read_picture("out.png").pixels
    assert run("--style-blend", "1", output="alone.png")[0] == 0
    np.testing.assert_array_equal(read_picture("alone.png").pixels, first)
    code, _, err = run("other.png", "--style-blend", "1,2,3", output="three.png")
    assert code == 2
    assert "style_blend has 3 weights, expected one for each of 2 paintings" in err


def test_momentum_changes_the_path(run):
    run("--optimizer", "sgd", "--init", "grey", "--momentum", 0.0, output="a.png")
    assert run("--optimizer", "sgd", "--init", "grey", "--momentum", 0.9, output="b.png")[0] == 0
    assert (read_picture("a.png").pixels != read_picture("b.png").pixels).any()


def test_a_run_that_comes_to_nothing_leaves_nothing(run, tmp_path):
    assert run("--learning-rate", 1e30)[0] == 2
    assert files(tmp_path) == ["painting.png", "photo.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seed", 10**20), "seed is 100000000000000000000, expected 0 to"),
        (("--device", "meta"), "device 'meta' cannot be used here"),
        (("--momentum", 1.0), "momentum is 1.0, expected at least 0 and below 1"),
        (("--style-blend", "a,b"), "expected numbers with commas between them"),
        (("--init", "x" * 300), "expected content, style, noise, grey or the path of a picture"),
    ],
)
def test_a_setting_that_cannot_be_is_told_in_one_line(run, options, message):
    code, _, err = run(*options)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_a_photograph_too_thin_to_be_seen_is_told(run, save_picture):
    save_picture("thin.png", 4, 400)
    code, _, err = run("--content-layers", "relu1_1", "--style-levels", 3, content="thin.png")
    assert code == 2
    assert "is too small for this objective" in err
