import pytest
import torch

from fast_nst.cli import main
from fast_nst.inference import Stylizer
from fast_nst.training.config import TrainConfig
from fast_nst.training.module import StyleTransferModule


@pytest.fixture
def run(tmp_path):
    """The folder of a run that was stopped after 3 steps."""
    config = TrainConfig(style="stripes.png", content_dir=("photographs",), title="Stripes")
    network = StyleTransferModule(config.plain(), objective=None).network
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
