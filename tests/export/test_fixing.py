"""Files whose controls are fixed: fed pictures and nothing else, they paint what the controls would."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from fast_nst.cli import main
from fast_nst.errors import ConfigError
from fast_nst.export import export_network
from fast_nst.export.fixing import fix_controls
from fast_nst.inference import Stylizer
from fast_nst.networks import build_network

STYLES = [
    {"name": "hill", "title": "The Hill", "artist": "Nobody", "year": "1900", "licence": "public domain"},
    {"name": "wave", "title": "The Wave", "artist": "Nobody", "year": "1901", "licence": "public domain"},
]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    torch.manual_seed(0)
    network = build_network("fast", 2, has_strength=True).eval()
    network.styles.data += 0.3 * torch.randn_like(network.styles)
    path = tmp_path_factory.mktemp("fixing") / "many.onnx"
    metadata = {"title": "2 styles", "preset": "fast", "parameters": "61103", "styles": json.dumps(STYLES)}
    export_network(network, path, metadata, sizes=((64, 64),))
    return path


@pytest.fixture
def content():
    return np.random.default_rng(0).integers(0, 256, (70, 81, 3), dtype=np.uint8)


@pytest.mark.parametrize("strength", [0.0, 0.6, 1.0, 1.4])
def test_it_paints_what_the_controls_would(many, content, tmp_path, strength):
    chosen = Stylizer(f"{many}/hill:0.3,wave:0.7", strength=strength)
    onnx.save(fix_controls(chosen), tmp_path / "fixed.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "fixed.onnx")
    (pastiche,) = session.run(None, {"content": content[None]})
    assert np.abs(pastiche[0].astype(int) - chosen(content)).max() <= 1


def test_at_strength_one_nothing_is_left_of_the_controls(many, tmp_path):
    plain = build_network("fast").eval()
    export_network(plain, tmp_path / "plain.onnx", {}, sizes=((64, 64),))
    kinds = [node.op_type for node in onnx.load(tmp_path / "plain.onnx").graph.node]
    fixed = [node.op_type for node in fix_controls(Stylizer(f"{many}/hill")).graph.node]
    for kind in ("MatMul", "Mul", "Add", "Sub"):
        assert fixed.count(kind) <= kinds.count(kind)


def test_it_says_what_was_chosen(many, tmp_path):
    onnx.save(fix_controls(Stylizer(f"{many}/wave", strength=0.5)), tmp_path / "wave.onnx")
    fixed = Stylizer(tmp_path / "wave.onnx")
    assert (fixed.styles, fixed.most_strength, fixed.info.title, fixed.info.year) == ((), None, "The Wave", "1901")
    assert fixed.metadata["strength"] == "0.5"
    onnx.save(fix_controls(Stylizer(f"{many}/wave:1,hill:3")), tmp_path / "both.onnx")
    both = Stylizer(tmp_path / "both.onnx")
    assert (both.info.title, both.info.artist) == ("The Hill, The Wave", "Nobody")
    assert [style["share"] for style in json.loads(both.metadata["styles"])] == [0.75, 0.25]


def test_a_file_without_controls_has_none_to_fix(invert_model):
    with pytest.raises(ConfigError, match="has no controls to choose"):
        fix_controls(Stylizer(invert_model))


def test_the_command_fixes_a_style(many, content, tmp_path, capsys):
    output = tmp_path / "hill.onnx"
    assert main(["export", f"{many}/hill", "--strength", "0.7", "-o", str(output)]) == 0
    assert capsys.readouterr().out.strip() == str(output)
    expected = Stylizer(f"{many}/hill", strength=0.7)(content)
    assert np.abs(Stylizer(output)(content).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("source", "message"),
    [("many.onnx", "has the styles hill, wave; name one"), ("many.onnx/hil", "did you mean 'hill'")],
)
def test_the_command_says_what_is_missing(many, tmp_path, capsys, source, message):
    assert main(["export", str(many.parent / source), "-o", str(tmp_path / "x.onnx")]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "x.onnx").exists()
