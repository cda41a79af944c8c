"""One training run, from a configuration to an `.onnx` file.

The folder of a run holds `config.yaml` (every option, resolved), `last.ckpt`, `losses.csv` and `losses.png`,
`previews/`, and TensorBoard's files; of an adversarial run `sides.png`, too.
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
from fast_nst.images import atomic_path, fit, read_pixels
from fast_nst.perceptual import PULL_ON_NETWORK, Objective, balanced, to_image
from fast_nst.perceptual.config import STYLE_WEIGHT
from fast_nst.training.adversarial.module import SCALED_BY, AdversarialModule
from fast_nst.training.adversarial.watch import Watch
from fast_nst.training.boldest import Boldest
from fast_nst.training.callbacks import Checkpoints, Previews, Progress
from fast_nst.training.checkpoint import CHECKPOINT_NAME, load_checkpoint
from fast_nst.training.config import TrainConfig
from fast_nst.training.data import ContentPhotographs
from fast_nst.training.feed import ContentData
from fast_nst.training.growing import as_source, export_trained, freeze
from fast_nst.training.guards import last_good, quiet_lightning, stop_on_ctrl_c
from fast_nst.training.machine import arrange, settled
from fast_nst.training.module import StyleTransferModule
from fast_nst.training.paintings import WEIGHTS, Painting
from fast_nst.training.sources import find_photographs
from fast_nst.training.start import Start, begin, read_start
from fast_nst.training.teacher import Teacher, read_teacher

CONFIG_NAME = "config.yaml"
_DECIDING = 16  # crops by which weights are balanced
_PREVIEWED = 4  # photographs in a preview


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    model: Path
    checkpoint: Path
    steps: int
    losses: dict[str, float]
    """The terms of the loss, and D of an adversarial run, averaged over the last 100 steps."""
    unreadable: tuple[str, ...]
    """Photographs, and an artist's pictures, that could not be read and were left out."""
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
    teacher = read_teacher(config)  # what is wrong with it is told before the work
    config, start = (settled(config), None) if resume else _start(settled(config), folder)
    pl.seed_everything(config.seed, verbose=False)
    data = ContentData(config, find_photographs(config.content_dir))
    config = _weighed(config, data)
    if on_settled is not None:
        on_settled(config)
    module = build_module(config, teacher)
    if start is not None:
        begin(module, start, _first_crops(data), _likings(config, module))
    if config.add_to:
        freeze(module)
    progress = Progress(config, folder, show_bar=show_bar)
    checkpoints = Checkpoints(folder, config.checkpoint_every)
    callbacks: list[pl.Callback] = [progress, Boldest(_first_crops(data)), checkpoints, _previews(config, data, folder)]
    if config.adversary.adversarial:
        callbacks.append(Watch(_first_crops(data)[:_PREVIEWED], folder))
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
        losses, parity = trained.losses, export_trained(trained, model)
    unreadable, was_interrupted = tuple(sorted(progress.unreadable)), progress.interrupted.is_set()
    return Outcome(model, checkpoints.path, trainer.global_step, losses, unreadable, was_interrupted, parity)


def _start(config: TrainConfig, folder: Path) -> tuple[TrainConfig, Start | None]:
    """Return a run's configuration, and the network that it starts from, if any."""
    if config.add_to:
        return as_source(config, folder)
    return config, read_start(config.init_from, config.preset) if config.init_from else None


def build_module(config: TrainConfig, teacher: Teacher | None = None) -> StyleTransferModule:
    """Return what a run trains, from random weights, and all that it is judged and taught by."""
    objectives = read_objectives(config)
    if not config.adversary.adversarial:
        return StyleTransferModule(config.plain(), objectives, teacher)
    paintings, most = config.all_paintings(), config.adversary.picture_crop
    collections = [
        ContentPhotographs(
            painting.style,
            config.crop_size,
            config.seed + 1,
            config.max_megapixels,
            config.cache_gib / len(paintings),
            least_share=most / 4,
            most_share=most,
            may_enlarge=True,
        )
        for painting in paintings
    ]
    return AdversarialModule(config.plain(), objectives, collections)


def _likings(config: TrainConfig, module: StyleTransferModule) -> Sequence[Objective]:
    """Return what says which style of another network is nearest to each of the run's.

    Of bodies of work without a style term it is the Gram matrices of some crops: there may be thousands of pictures.
    """
    if config.objective.style_weight or not isinstance(module, AdversarialModule):
        return module.objectives
    by_style = replace(config.objective, style_weight=STYLE_WEIGHT, style_blend=())
    crops = (pictures.batch(range(SCALED_BY)).images for pictures in module.pictures)
    return [Objective(by_style, *some[:, None]) for some in crops]


def _first_crops(data: ContentData) -> Tensor:
    """Return some crops to decide by, `(N, 3, crop, crop)`."""
    return data.photographs.batch(range(min(_DECIDING, len(data.photographs.places)))).images


def _weighed(config: TrainConfig, data: ContentData) -> TrainConfig:
    """Return `config` with the weights of content and style that it leaves open, balanced for each painting."""
    if config.adversary.adversarial:  # the style is what the discriminator says; Gram matrices come beside it
        told = config.objective
        return replace(config, objective=replace(told, style_weight=told.style_weight or 0.0).weighed())
    if config.objective.constants != "relative":
        return replace(config, objective=config.objective.weighed())
    paintings = {}
    for painting in config.all_paintings():
        objective = config.objective_of(painting)
        if None in (objective.content_weight, objective.style_weight):
            pictures = read_painting(painting, config)
            objective = balanced(objective, pictures, list(_first_crops(data)[:, None]), PULL_ON_NETWORK)
        paintings[painting.name] = {name: getattr(objective, name) for name in WEIGHTS}
    if not config.paintings:
        return replace(config, objective=replace(config.objective, **paintings.popitem()[1]))
    return replace(config, paintings={name: {**told, **paintings[name]} for name, told in config.paintings.items()})


def read_objectives(config: TrainConfig) -> list[Objective]:
    """Return what pastiches of each style are judged by; all share one loss network."""
    objectives: list[Objective] = []
    for painting in config.all_paintings():
        shared = objectives[0].loss_network if objectives else None
        objective = config.objective_of(painting)
        pictures = read_painting(painting, config) if objective.style_weight != 0 else []
        objectives.append(Objective(objective, *pictures, loss_network=shared))
    return objectives


def read_painting(painting: Painting, config: TrainConfig) -> list[Tensor]:
    """Return a style's pictures as the objective sees them: `(1, 3, H, W)` in [0, 1], longer side `style_size` px."""
    pictures = (read_pixels(file, max_megapixels=config.max_megapixels) for file in painting.style)
    return [to_image(fit(picture, config.objective.style_size)) for picture in pictures]


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
            gradient_clip_val=None if config.adversary.adversarial else config.max_gradient,  # it clips by itself
            use_distributed_sampler=False,  # `StepSampler` shares out the crops itself
            default_root_dir=folder,
        )
    except (TypeError, ValueError, MisconfigurationException) as error:
        hardware = f"accelerator {config.accelerator}, devices {config.devices}, strategy {config.strategy}"
        raise ConfigError(f"Lightning cannot use {hardware} here: {first_line(error)}") from error


def _previews(config: TrainConfig, data: ContentData, folder: Path) -> Previews:
    count = min(_PREVIEWED, len(data.photographs.places))
    return Previews(folder, data.photographs.batch(range(count)).images, config.preview_every)
