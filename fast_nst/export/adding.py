"""One more style for an `.onnx` file of many: a row that was learnt for it.

All that a file knows of a style is a row of numbers; nothing else in it is touched, so the other styles stay as they
are, to the bit.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, numpy_helper
from torch import Tensor

from fast_nst.errors import ModelError
from fast_nst.export.reading import load_style, style_table
from fast_nst.images import atomic_path


def add_style(source: Path, row: Tensor, facts: Mapping[str, Any], path: Path) -> None:
    """Write the file `source` with one more style to `path`.

    Args:
        source: an `.onnx` file of many styles.
        row: of the new style, as in `StyleNetwork.styles`.
        facts: what the metadata says of it, its `name` for one.
        path: the file to write.

    Raises:
        ModelError: if `source` is no such file, or has a style of that name.
    """
    model = load_style(source)
    metadata = {entry.key: entry for entry in model.metadata_props}
    check_can_add({key: entry.value for key, entry in metadata.items()}, facts["name"], source)
    told = json.loads(metadata["styles"].value)
    _append_row(model, style_table(model, source), row.detach().numpy())
    count = len(told) + 1
    metadata["styles"].value = json.dumps([*told, dict(facts)], ensure_ascii=False)
    inputs = json.loads(metadata["inputs"].value)
    inputs["style"] |= {"shape": [count], "default": [1.0] + [0.0] * (count - 1)}
    metadata["inputs"].value = json.dumps(inputs)
    metadata["parameters"].value = str(int(metadata["parameters"].value) + row.numel())
    if metadata["title"].value == f"{count - 1} styles":
        metadata["title"].value = f"{count} styles"
    style = next(entry for entry in model.graph.input if entry.name == "style")
    style.type.tensor_type.shape.dim[0].dim_value = count
    onnx.checker.check_model(model)
    with atomic_path(path, raises=ModelError) as temporary:
        onnx.save(model, temporary)


def check_can_add(metadata: Mapping[str, str], name: str, source: str | Path) -> None:
    """Raise `ModelError` if a file is of one style alone, or has a style of that name."""
    styles = [style["name"] for style in json.loads(metadata.get("styles", "[]"))]
    if len(styles) < 2:
        raise ModelError(
            f"{source} is no network of many styles, of which alone one can be added to; `fast-nst train --style-dir` "
            "makes one"
        )
    if name in styles:
        raise ModelError(f"{source} has a style {name!r} already; give the new painting's file another name")


def _append_row(model: ModelProto, table: str, row: np.ndarray) -> None:
    entry: TensorProto = next(entry for entry in model.graph.initializer if entry.name == table)
    rows = numpy_helper.to_array(entry)
    entry.CopyFrom(numpy_helper.from_array(np.concatenate([rows, row[None].astype(rows.dtype)]), table))
