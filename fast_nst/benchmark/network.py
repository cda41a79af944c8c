"""Models in ONNX Runtime, each function to be run in a process of its own (see `measure.isolation`).

A model is any `.onnx` file that takes one picture of three channels, ours or not: uint8 or floating point, channels
first or last, of free or fixed size.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from fast_nst.benchmark.photograph import draw_photograph
from fast_nst.benchmark.turns import Job, take_turns
from fast_nst.errors import ModelError
from fast_nst.images import Pixels
from fast_nst.inference.stylizer import open_session
from fast_nst.measure.isolation import Tell, peak_mib

_WARM_UPS = 2
_ELEMENTS = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(float16)": "float16"}


def time_networks(job: Job, _tell: Tell) -> list[list[float]]:
    """Return the seconds of each run of each model, from the picture's array to the pastiche's.

    Raises:
        ModelError: where a model cannot be loaded or does not take such a picture.
    """
    return take_turns([_timed(_runner(model, job)) for model in job.models], job, warm_ups=_WARM_UPS)


def network_memory(job: Job, _tell: Tell) -> float | None:
    """Return the most resident memory, in MiB, of this process, which loads the job's only model and runs it twice.

    Raises:
        ModelError: as `time_networks` does.
    """
    (model,) = job.models
    run = _runner(model, job)
    run()
    run()
    return peak_mib()


def _timed(run: Callable[[], object]) -> Callable[[], float]:
    def timed() -> float:
        began = time.perf_counter()
        run()
        return time.perf_counter() - began

    return timed


def _runner(model: Path, job: Job) -> Callable[[], object]:
    session = open_session(model, job.threads, [job.provider])
    if session.get_providers()[0] != job.provider:
        raise ModelError(f"{model}: {job.provider} did not start; its libraries or its device are missing")
    controls = _default_controls(session)
    (picture, *others) = [node for node in session.get_inputs() if node.name not in controls]
    content = _content(model, [picture, *others], draw_photograph(job.height, job.width))
    inputs = {picture.name: content, **controls}

    def run() -> object:
        try:
            return session.run(None, inputs)
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            size = f"{job.width}x{job.height} px"
            raise ModelError(f"{model} failed on {size}: {' '.join(str(error).split())}") from error

    return run


def _default_controls(session: ort.InferenceSession) -> dict[str, np.ndarray]:
    """Return what a style file is fed beside pictures unless it is told otherwise, as its metadata says."""
    told = json.loads(session.get_modelmeta().custom_metadata_map.get("inputs", "{}"))
    return {name: np.array(control["default"], np.float32) for name, control in told.items()}


def _content(model: Path, nodes: Sequence[ort.NodeArg], pixels: Pixels) -> Any:
    """Return the picture as the model takes it."""
    shape = nodes[0].shape
    if len(nodes) != 1 or len(shape) != 4 or nodes[0].type not in _ELEMENTS or 3 not in (shape[1], shape[3]):
        told = ", ".join(f"{node.name} {node.type} {node.shape}" for node in nodes)
        raise ModelError(f"{model}: expected one input, a picture of three channels; found {told}")
    batch = pixels[None] if shape[3] == 3 else pixels[None].transpose(0, 3, 1, 2)
    if any(isinstance(fixed, int) and fixed != side for side, fixed in zip(batch.shape, shape, strict=True)):
        raise ModelError(f"{model} takes {shape} only, not {list(batch.shape)}")
    return batch.astype(_ELEMENTS[nodes[0].type], order="C")
