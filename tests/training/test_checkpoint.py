import json
from dataclasses import replace

import pytest
import torch

from fast_nst.errors import ModelError
from fast_nst.training.checkpoint import Trained, load_checkpoint

CONVOLUTIONS = 81 * 3 * 4 + 9 * 4 * 4 + 9 * 4 * 8 + 2 * 9 * 8 * 8 + 9 * 8 * 4 + 9 * 4 * 4 + 81 * 4 * 3
NORMS = 2 * (4 + 4 + 8 + 8 + 8 + 4 + 4)
PARAMETERS = CONVOLUTIONS + NORMS + 3  # and the last convolution's bias


def test_a_checkpoint_tells_its_network_and_its_run(finished_run, config):
    trained = load_checkpoint(finished_run.checkpoint)

    assert trained.step == 4
    objective = trained.config.objective
    assert min(objective.content_weight, objective.style_weight) > 0  # left open, and balanced by the run
    as_asked = replace(objective, content_weight=None, style_weight=None)
    assert replace(trained.config, objective=as_asked) == config(title="Stripes", artist="Nobody")
    assert trained.losses == pytest.approx(finished_run.losses)
    assert not trained.network.training


def test_metadata_says_what_the_contract_promises(finished_run, vgg_file):
    metadata = load_checkpoint(finished_run.checkpoint).metadata()

    assert all(isinstance(value, str) for value in metadata.values())
    assert metadata["title"] == "Stripes"
    assert metadata["preset"] == "tiny"
    assert metadata["parameters"] == str(PARAMETERS)
    assert metadata["size_multiple"] == "4"
    assert metadata["receptive_radius"] == "25"
    objective = json.loads(metadata["objective"])
    assert objective["style_layers"] == {"relu1_1": 1.0, "relu2_1": 1.0}
    assert objective["loss_network"] == vgg_file.name  # not the folder it lay in
    assert set(json.loads(metadata["losses"])) == {"content", "style", "tone", "tv", "total"}
    assert len(metadata["config_sha256"]) == 64
    assert metadata["grid_weight"] == "10.0"


def test_a_style_without_a_title_is_called_after_its_file(config):
    trained = Trained(torch.nn.Identity(), config(), 0, {})

    assert trained.title() == "The Stripes"


def test_a_missing_checkpoint_is_said(tmp_path):
    with pytest.raises(ModelError, match="no checkpoint at"):
        load_checkpoint(tmp_path / "last.ckpt")


def test_a_broken_checkpoint_is_said(finished_run, tmp_path):
    (tmp_path / "half.ckpt").write_bytes(finished_run.checkpoint.read_bytes()[:1000])

    with pytest.raises(ModelError, match=r"half\.ckpt cannot be read as a checkpoint"):
        load_checkpoint(tmp_path / "half.ckpt")


def test_a_foreign_checkpoint_is_said(tmp_path):
    torch.save({"state_dict": {"weight": torch.zeros(3)}}, tmp_path / "foreign.ckpt")

    with pytest.raises(ModelError, match="is no checkpoint of fast-nst train"):
        load_checkpoint(tmp_path / "foreign.ckpt")
