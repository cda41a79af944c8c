"""A larger network as a teacher: it paints the styles of a run, and the difference to it is a term of the loss."""

import json

import pytest
import torch

from fast_nst.errors import ConfigError, ModelError
from fast_nst.export import export_network
from fast_nst.networks import build_network
from fast_nst.training.adversarial.config import AdversarialConfig
from fast_nst.training.checkpoint import load_checkpoint
from fast_nst.training.data import Crops
from fast_nst.training.module import StyleTransferModule
from fast_nst.training.run import read_objectives, train
from fast_nst.training.teacher import Teacher, read_teacher

CONTENT = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network of two styles and its file."""
    torch.manual_seed(0)
    network, path = build_network("fast", 2, has_strength=True).eval(), tmp_path_factory.mktemp("teacher") / "two.onnx"
    network.styles.data += 0.3 * torch.randn_like(network.styles)
    count = str(sum(weight.numel() for weight in network.parameters()))
    styles = json.dumps([{"name": "wave"}, {"name": "the-stripes"}])
    export_network(network, path, {"preset": "fast", "styles": styles, "parameters": count}, sizes=((64, 64),))
    return network, path


def test_a_style_is_found_by_its_name(config, trained):
    network, path = trained
    teacher = read_teacher(config(teacher=str(path)))
    expected = network(CONTENT, torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.5]), (3, 5))
    torch.testing.assert_close(teacher(CONTENT, 0, torch.tensor([1.0, 0.5]), (3, 5)), expected, atol=0.02, rtol=0)


def test_a_step_asks_for_what_the_teacher_paints(config):
    made = config(teacher_weight=3.0, grid_weight=0.0)
    module = StyleTransferModule(made.plain(), read_objectives(made))
    other = StyleTransferModule(made.plain(), read_objectives(made)).network
    module.teacher = Teacher(other, [0])
    outputs = module.training_step(Crops(CONTENT, (), (0, 1)), 0)
    with torch.no_grad():
        expected = (module.network(CONTENT) - other(CONTENT)).abs().mean()
    assert expected > 0.001
    torch.testing.assert_close(outputs["terms"]["teacher"], expected)
    torch.testing.assert_close(outputs["loss"].detach(), outputs["terms"]["total"] + 3 * expected)


@pytest.mark.usefixtures("no_export")
def test_a_run_is_taught_by_another_logs_it_and_remembers_it(config, finished_run, tmp_path):
    made = config(teacher=str(finished_run.checkpoint.parent), seed=5, max_steps=1)
    train(made, tmp_path / "small.onnx", tmp_path / "run", show_bar=False)
    header, first = (line.split(",") for line in (tmp_path / "run/losses.csv").read_text().splitlines())
    assert float(first[header.index("teacher")]) > 0
    metadata = load_checkpoint(tmp_path / "run/last.ckpt").metadata()
    assert (metadata["teacher"], metadata["teacher_weight"]) == ("run", "10.0")


@pytest.mark.usefixtures("no_export")
def test_what_is_wrong_with_a_teacher_is_told_before_the_work(config, tmp_path):
    with pytest.raises(ModelError, match=r"nobody\.onnx"):
        train(config(teacher="nobody.onnx"), tmp_path / "small.onnx", tmp_path / "run", show_bar=False)
    assert not (tmp_path / "run").exists()


def test_a_teacher_learns_nothing(config):
    teacher = Teacher(build_network("fast"), [0])
    assert not teacher(CONTENT, 0, None, (0, 0)).requires_grad


def test_a_teacher_of_other_paintings_is_refused(config, trained, painting):
    made = config(teacher=str(trained[1]), style=(), paintings={"hill": {"style": str(painting)}})
    with pytest.raises(ConfigError, match=r"two\.onnx does not paint hill; it paints wave, the-stripes"):
        read_teacher(made)


def test_an_adversarial_run_has_no_teacher(config, painting):
    with pytest.raises(ConfigError, match="an adversarial run has no teacher"):
        config(
            teacher="x.onnx",
            style=(),
            paintings={"a": {"style": str(painting)}},
            adversary=AdversarialConfig(adversarial=True),
        )
