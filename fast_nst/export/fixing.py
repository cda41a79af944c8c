"""A file with controls made into one without: style and strength chosen once and for all.

What comes out is fed pictures and nothing else, and paints as the one with controls does when they are so chosen.
"""

import json
from typing import Any

import onnx_ir as ir
from onnx import ModelProto, helper
from onnx_ir.passes.common import RemoveUnusedNodesPass
from onnxscript.optimizer import optimize_ir

from fast_nst.errors import ConfigError
from fast_nst.export.file import FOLDED
from fast_nst.export.precision import load
from fast_nst.export.rewrites import drop_idle_arithmetic, store_half
from fast_nst.inference import Stylizer
from fast_nst.large.graph import fix_inputs


def fix_controls(stylizer: Stylizer) -> ModelProto:
    """Return the model of a file with controls, which are what the stylizer was told.

    Raises:
        ConfigError: if the file has no controls, or is of many styles, and none is chosen.
    """
    controls = stylizer.controls
    if not controls:
        raise ConfigError(f"{stylizer.path} has no controls to choose: it is fed pictures and nothing else already")
    model = load(stylizer.path)
    fix_inputs(model, controls)
    graph = ir.from_proto(model)
    optimize_ir(graph, input_size_limit=FOLDED, output_size_limit=FOLDED)
    drop_idle_arithmetic(graph)
    RemoveUnusedNodesPass()(graph)
    store_half(graph)
    fixed = ir.to_proto(graph)
    del fixed.graph.value_info[:]
    helper.set_model_props(fixed, _metadata(stylizer))
    return fixed


def _metadata(stylizer: Stylizer) -> dict[str, str]:
    """Return the file's metadata with what is known of the styles chosen in place of all."""
    told = dict(stylizer.metadata)
    told.pop("inputs")
    shares = stylizer.controls.get("style")
    if shares is not None:
        styles: list[dict[str, Any]] = json.loads(told["styles"])
        chosen = [
            style | {"share": round(float(share), 4)} for style, share in zip(styles, shares, strict=True) if share
        ]
        told["styles"] = json.dumps(chosen, ensure_ascii=False)
        for fact in ("title", "artist", "year", "licence"):
            told[fact] = ", ".join(dict.fromkeys(style[fact] for style in chosen if style[fact]))
    if "strength" in stylizer.controls:
        told["strength"] = f"{float(stylizer.controls['strength']):g}"
    return told
