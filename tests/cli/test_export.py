import onnx
import pytest
import torch

from fast_nst.cli import export as export_command
from fast_nst.cli import main
from fast_nst.export.precision import Narrowed
from fast_nst.inference import Stylizer
from fast_nst.measure.stats import Quartiles
from fast_nst.training.config import TrainConfig
from fast_nst.training.module import StyleTransferModule


@pytest.fixture
def run(tmp_path):
    """The folder of a run that was stopped after 3 steps."""
    config = TrainConfig(style="stripes.png", content_dir=("photographs",), title="Stripes")
    network = StyleTransferModule(config.plain(), objectives=[]).network
    (tmp_path / "run").mkdir()
    torch.save(
        {
            "hyper_parameters": {"config": config.plain()},
            "state_dict": {f"network.{name}": value for name, value in network.state_dict().items()},
            "global_step": 3,
            "losses": {"total": 1.5},
        },
        tmp_path / "run" / "last.ckpt",
    )
    return tmp_path / "run"


def test_the_folder_of_a_run_becomes_a_style(run, tmp_path, capsys):
    output = tmp_path / "out" / "stripes.onnx"

    assert main(["export", str(run), "-o", str(output)]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(output)
    assert "3 steps; differs from PyTorch by" in told.err
    assert Stylizer(output).metadata["title"] == "Stripes"

    assert main(["export", str(run / "last.ckpt"), "-o", str(output)]) == 2
    assert "exists already; give --overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("checkpoint", "output", "message"),
    [
        ("run", "style.pth", "expected a name that ends in .onnx"),
        ("no-such-run", "style.onnx", "no checkpoint at"),
    ],
)
def test_what_cannot_be_exported_is_one_line(run, tmp_path, capsys, checkpoint, output, message):
    assert main(["export", str(tmp_path / checkpoint), "-o", str(tmp_path / output)]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1
    assert not (tmp_path / output).exists()


@pytest.fixture
def narrowing(monkeypatch):
    """Stand in for the work: what was narrowed comes out as it went in, and is as much faster as is said."""

    def say(faster):
        def narrow(source, precision, photographs):
            assert [photograph.shape for photograph in photographs] == [(199, 256, 3)]
            return Narrowed(onnx.load(source), [41.0, 60.0, 42.5])

        monkeypatch.setattr(export_command, "narrow", narrow)
        monkeypatch.setattr(export_command, "hold_against", lambda *_: Quartiles(faster - 0.1, faster, faster + 0.1, 9))

    return say


def test_a_style_is_narrowed_where_that_is_faster(narrowing, invert_model, save_picture, tmp_path, capsys):
    narrowing(1.25)
    photos = save_picture("photos/one.png").parent
    output = tmp_path / "narrow.onnx"
    arguments = [str(invert_model), "-o", str(output), "--precision", "int8", "--content-dir", str(photos)]

    assert main(["export", *arguments]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(output)
    assert "within 42.5 dB of float32's pictures, 41.0 dB at worst" in told.err
    assert "int8 is 1.25 (1.15 to 1.35) times as fast as fp32 on CPUExecutionProvider" in told.err
    assert Stylizer(output).metadata["faster_on"] == "CPUExecutionProvider"


def test_where_it_is_slower_it_says_so_and_writes_only_if_told_to(
    narrowing, invert_model, save_picture, tmp_path, capsys
):
    narrowing(0.8)
    photos = save_picture("photos/one.png").parent
    output = tmp_path / "narrow.onnx"
    arguments = [str(invert_model), "-o", str(output), "--precision", "fp16", "--content-dir", str(photos)]

    assert main(["export", *arguments]) == 2
    assert "narrow.onnx not written: fp16 is not faster here; --anyway" in capsys.readouterr().err
    assert not output.exists()

    assert main(["export", *arguments, "--anyway"]) == 0
    assert Stylizer(output).metadata["faster_on"] == ""


def test_narrowing_needs_photographs(invert_model, tmp_path, capsys):
    assert main(["export", str(invert_model), "-o", str(tmp_path / "n.onnx"), "--precision", "int8"]) == 2
    assert "name a folder of them with --content-dir" in capsys.readouterr().err
