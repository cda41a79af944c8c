import importlib
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from fast_nst import __version__
from fast_nst.cli import app, main
from fast_nst.errors import ModelError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fake_command(monkeypatch):
    """Return a function that puts a callback in the place of `fast-nst train`."""

    def install(callback):
        module = type("module", (), {"command": click.Command("train", callback=callback)})
        monkeypatch.setattr(app.importlib, "import_module", lambda name: module)

    return install


def raising(error):
    def callback():
        raise error

    return callback


def test_help_lists_every_command_without_importing_one(capsys, monkeypatch):
    monkeypatch.setattr(importlib, "import_module", raising(AssertionError))
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    for name in ("stylize", "train", "export", "gatys", "compare", "styles", "demo"):
        assert f"\n  {name} " in listed


def test_without_arguments_the_help_is_shown_and_nothing_is_done(capsys):
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().err


def test_version_is_the_packages(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"fast-nst {__version__}\n"


def test_an_unknown_command_suggests_the_nearest(capsys):
    assert main(["stylise", "photo.jpg"]) == 2
    assert "there is no command 'stylise'; did you mean 'stylize'?" in capsys.readouterr().err


def test_an_unknown_option_suggests_the_nearest(capsys):
    assert main(["styles", "--jsn"]) == 2
    assert "--json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ModelError("x.onnx: broken; export it again"), 2, "fast-nst: x.onnx: broken; export it again\n"),
        (PermissionError(13, "Permission denied", "out/x.png"), 2, "fast-nst: out/x.png: Permission denied\n"),
        (
            ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"),
            2,
            "fast-nst: this command needs torch, which is not installed: pip install 'fast-nst[train]'\n",
        ),
        (
            ModuleNotFoundError("No module named 'tqdm'", name="tqdm"),
            2,
            "fast-nst: this command needs tqdm, which is not installed: pip install fast-nst\n",
        ),
        (KeyboardInterrupt(), 130, "fast-nst: interrupted\n"),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(fake_command, capsys, error, code, line):
    fake_command(raising(error))
    assert main(["train"]) == code
    assert capsys.readouterr().err.lstrip("\n") == line


def test_a_missing_extra_is_named_while_the_command_is_imported(monkeypatch, capsys):
    error = ModuleNotFoundError("No module named 'pytorch_lightning'", name="pytorch_lightning")
    monkeypatch.setattr(app.importlib, "import_module", lambda name: raising(error)())
    assert main(["train", "--help"]) == 2
    assert capsys.readouterr().err.endswith(
        "needs pytorch_lightning, which is not installed: pip install 'fast-nst[train]'\n"
    )


@pytest.mark.parametrize("error", [ZeroDivisionError(), ModuleNotFoundError(name="fast_nst.gone")])
def test_a_bug_keeps_its_traceback(fake_command, error):
    fake_command(raising(error))
    with pytest.raises(type(error)):
        main(["train"])


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (130, 130)])
def test_a_command_may_return_its_exit_code(fake_command, returned, code):
    fake_command(lambda: returned)
    assert main(["train"]) == code


@pytest.mark.parametrize("door", [["-m", "fast_nst", "stylize"], [str(ROOT / "scripts" / "stylize.py")]])
def test_every_door_leads_to_the_command(door, tmp_path):
    environment = {**os.environ, **({"PYTHONPATH": str(ROOT)} if door[0] == "-m" else {})}
    result = subprocess.run(
        [sys.executable, *door, "--help"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Usage: fast-nst stylize [OPTIONS] INPUT...")
