import json

import pytest
import torch

from fast_nst.errors import ModelError
from fast_nst.training.checkpoint import load_checkpoint
from fast_nst.training.run import train


@pytest.fixture
def outcome(config, tmp_path):
    return train(config(max_steps=1, preview_every=0), tmp_path / "s.onnx", tmp_path / "run", show_bar=False)


def test_a_checkpoint_tells_its_network_and_its_run(outcome, config):
    trained = load_checkpoint(outcome.checkpoint)

    assert trained.step == 1
    assert trained.config == config(max_steps=1, preview_every=0)
    assert trained.losses == pytest.approx(outcome.losses)
    assert not trained.network.training


def test_metadata_says_what_the_contract_promises(outcome, vgg_file):
    metadata = load_checkpoint(outcome.checkpoint).metadata()

    assert all(isinstance(value, str) for value in metadata.values())
    assert metadata["title"] == "The Stripes"  # from the file's name, when no title is given
    assert metadata["preset"] == "johnson-half"
    assert metadata["parameters"] == "424099"
    assert metadata["size_multiple"] == "4"
    assert metadata["receptive_radius"] == "57"
    objective = json.loads(metadata["objective"])
    assert objective["style_layers"] == {"relu1_1": 1.0, "relu2_1": 1.0}
    assert objective["vgg_weights"] == vgg_file.name  # not the folder it lay in
    assert set(json.loads(metadata["losses"])) == {"content", "style", "tv", "total"}
    assert len(metadata["config_sha256"]) == 64


def test_a_missing_checkpoint_is_said(tmp_path):
    with pytest.raises(ModelError, match="no checkpoint at"):
        load_checkpoint(tmp_path / "last.ckpt")


def test_a_broken_checkpoint_is_said(outcome):
    outcome.checkpoint.write_bytes(outcome.checkpoint.read_bytes()[:1000])

    with pytest.raises(ModelError, match="cannot be read as a checkpoint"):
        load_checkpoint(outcome.checkpoint)


def test_a_foreign_checkpoint_is_said(tmp_path):
    torch.save({"state_dict": {"weight": torch.zeros(3)}}, tmp_path / "foreign.ckpt")

    with pytest.raises(ModelError, match="is no checkpoint of fast-nst train"):
        load_checkpoint(tmp_path / "foreign.ckpt")
