"""What a run makes of the machine it is on: loss network, precision, start, memory order, compiler."""

import importlib.util
from dataclasses import replace

import torch

from fast_nst.perceptual.vgg import multiplies_bfloat16
from fast_nst.training.base import BASE, base_file
from fast_nst.training.config import TrainConfig
from fast_nst.training.module import StyleTransferModule


def settled(config: TrainConfig) -> TrainConfig:
    """Replace what is left to choose by what this machine has: loss network, precision, the network to start from."""
    objective, precision, init_from = config.objective.resolved(), config.precision, config.init_from
    if precision == "auto":
        is_native = multiplies_bfloat16(_device(config.accelerator))
        precision = "bf16-mixed" if is_native else "32-true"
        if is_native:
            objective = replace(objective, loss_arithmetic="bfloat16")
    if init_from is None and not config.from_scratch and not config.add_to and base_file(config.preset):
        init_from = BASE
    return replace(config, objective=objective, precision=precision, init_from=init_from)


def _device(accelerator: str) -> torch.device:
    is_gpu = accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    return torch.device("cuda" if is_gpu else "mps" if accelerator == "mps" else "cpu")


def arrange(module: StyleTransferModule, device: torch.device) -> None:
    """Arrange what is to be computed as it is fastest on `device`."""
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        module.network.to(memory_format=torch.channels_last)  # on a CPU the plain order is faster
    has_compiler = device.type == "cuda" and importlib.util.find_spec("triton") is not None
    if module.config.compile == "on" or (module.config.compile == "auto" and has_compiler):
        torch._dynamo.config.suppress_errors = True  # where the compiler fails, go on without it
        module.network.compile(dynamic=False)
        module.objectives[0].loss_network.compile(dynamic=False)  # that of all
