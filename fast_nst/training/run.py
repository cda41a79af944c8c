"""One training run, from a configuration to an `.onnx` file.

The folder of a run holds `config.yaml` (every option, resolved), `last.ckpt`, `losses.csv` and `losses.png`,
`previews/`, and TensorBoard's files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytorch_lightning as pl
import yaml
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from fast_nst.errors import ConfigError, first_line
from fast_nst.export import export_network
from fast_nst.images import atomic_path, fit, read_pixels
from fast_nst.perceptual import PULL_ON_NETWORK, Objective, balanced, to_image
from fast_nst.training.base import BASE, base_file, load_base
from fast_nst.training.callbacks import Checkpoints, Previews, Progress
from fast_nst.training.checkpoint import CHECKPOINT_NAME, load_checkpoint
from fast_nst.training.config import TrainConfig
from fast_nst.training.feed import ContentData
from fast_nst.training.guards import last_good, quiet_lightning, stop_on_ctrl_c
from fast_nst.training.machine import arrange, settled
from fast_nst.training.module import StyleTransferModule
from fast_nst.training.sources import find_photographs

CONFIG_NAME = "config.yaml"
_BALANCED = 16  # crops by which weights are balanced
_PREVIEWED = 4  # photographs in a preview


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    model: Path
    checkpoint: Path
    steps: int
    losses: dict[str, float]
    """The four losses, averaged over the last 100 steps."""
    unreadable: tuple[str, ...]
    """Photographs that could not be read and were left out."""
    interrupted: bool
    parity: int
    """Largest difference of the model to PyTorch, in levels of 255."""


def train(
    config: TrainConfig,
    model: Path,
    folder: Path,
    *,
    resume: bool = False,
    show_bar: bool = True,
    on_settled: Callable[[TrainConfig], None] | None = None,
) -> Outcome:
    """Train a network and export it.

    Args:
        config: everything about the run.
        model: the `.onnx` file to write.
        folder: the run's folder.
        resume: go on from the folder's checkpoint; without one, start.
        show_bar: show a progress bar on stderr.
        on_settled: called before the first step with all that was left open decided, the balance of weights for one.

    Raises:
        FastNstError: for a painting, photographs, weights or options that do not serve, or losses that are not finite.
    """
    _check_folder(folder, resume=resume)
    config = settled(config)
    pl.seed_everything(config.seed, verbose=False)
    data = ContentData(config, find_photographs(config.content_dir))
    styles = read_styles(config)
    config = _weighed(config, styles, data)
    if on_settled is not None:
        on_settled(config)
    module = StyleTransferModule(config.plain(), Objective(config.objective, *styles))
    if config.init_from and not resume:
        _start_from(module, config.init_from)
    progress = Progress(config, folder, show_bar=show_bar)
    checkpoints = Checkpoints(folder, config.checkpoint_every)
    callbacks: list[pl.Callback] = [progress, checkpoints, _previews(config, data, folder)]
    with quiet_lightning():
        trainer = _trainer(config, folder, callbacks)
        if trainer.is_global_zero:
            write_config(config, model, folder / CONFIG_NAME)
        arrange(module, trainer.strategy.root_device)
        with stop_on_ctrl_c(progress.interrupted), last_good(checkpoints.path):
            trainer.fit(module, data, ckpt_path=checkpoints.path if resume else None, weights_only=True)
    losses, parity = progress.recent(), 0
    if trainer.is_global_zero:  # other machines need not have the file
        trained = load_checkpoint(checkpoints.path)
        losses, parity = trained.losses, export_network(trained.network, model, trained.metadata())
    unreadable, was_interrupted = tuple(sorted(progress.unreadable)), progress.interrupted.is_set()
    return Outcome(model, checkpoints.path, trainer.global_step, losses, unreadable, was_interrupted, parity)


def _weighed(config: TrainConfig, styles: Sequence[Tensor], data: ContentData) -> TrainConfig:
    """Return `config` with the weights of content and style that it leaves open, balanced over some crops."""
    if None not in (config.objective.content_weight, config.objective.style_weight):
        return config
    crops = data.photographs.batch(range(min(_BALANCED, len(data.photographs.places)))).images
    return replace(config, objective=balanced(config.objective, styles, list(crops[:, None]), PULL_ON_NETWORK))


def read_styles(config: TrainConfig) -> list[Tensor]:
    """Return the paintings as the objective sees them: `(1, 3, H, W)` in [0, 1], longer side `style_size` px."""
    paintings = (read_pixels(style, max_megapixels=config.max_megapixels) for style in config.style)
    return [to_image(fit(painting, config.objective.style_size)) for painting in paintings]


def write_config(config: TrainConfig, model: Path, path: Path) -> None:
    """Write every option as YAML, to be given again with `--config`."""
    options = {"output": str(model), **config.plain()}
    with atomic_path(path) as temporary:
        temporary.write_text(yaml.safe_dump(options, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _check_folder(folder: Path, *, resume: bool) -> None:
    checkpoint = folder / CHECKPOINT_NAME
    if resume and not checkpoint.is_file():
        raise ConfigError(f"nothing to resume: no {checkpoint}; leave --resume out to start the run")
    if not resume and checkpoint.is_file():
        raise ConfigError(f"{folder} holds a run already; give --resume to go on with it, or another --run-dir")


def _start_from(module: StyleTransferModule, start: str) -> None:
    preset = module.config.preset
    if start == BASE:
        if base_file(preset) is None:
            raise ConfigError(f"there is no base for the preset {preset}; give --from-scratch, or a checkpoint")
        module.network.load_state_dict(load_base(preset))
        return
    other = load_checkpoint(Path(start))
    if other.config.preset != preset:
        raise ConfigError(f"{start} holds a {other.config.preset} network, this run trains {preset}")
    module.network.load_state_dict(other.network.state_dict())


def _trainer(config: TrainConfig, folder: Path, callbacks: list[pl.Callback]) -> pl.Trainer:
    try:
        return pl.Trainer(
            accelerator=config.accelerator,
            devices=config.devices,
            num_nodes=config.num_nodes,
            strategy=config.strategy,
            precision=None if config.precision == "auto" else config.precision,
            max_steps=config.max_steps,
            max_epochs=-1,
            log_every_n_steps=1,  # we log ourselves; this keeps a hint about short runs away
            logger=TensorBoardLogger(folder, name="", version="tensorboard"),
            callbacks=callbacks,
            enable_checkpointing=False,  # `Checkpoints` replaces Lightning's, which can leave a half-written file
            enable_progress_bar=False,
            enable_model_summary=False,
            accumulate_grad_batches=config.accumulate,
            use_distributed_sampler=False,  # `StepSampler` shares out the crops itself
            default_root_dir=folder,
        )
    except (TypeError, ValueError, MisconfigurationException) as error:
        hardware = f"accelerator {config.accelerator}, devices {config.devices}, strategy {config.strategy}"
        raise ConfigError(f"Lightning cannot use {hardware} here: {first_line(error)}") from error


def _previews(config: TrainConfig, data: ContentData, folder: Path) -> Previews:
    count = min(_PREVIEWED, len(data.photographs.places))
    return Previews(folder, data.photographs.batch(range(count)).images, config.preview_every)
