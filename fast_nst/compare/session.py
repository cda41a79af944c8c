"""All results of one comparison: what is to be measured, and each measured once."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from skimage.metrics import structural_similarity

from fast_nst.compare.encoder import choose_encoder, load_encoder, trainers
from fast_nst.compare.figures import Viewer
from fast_nst.compare.methods import DescentJob, PaintJob, Snapshot, descend, paint
from fast_nst.compare.records import METHODS, Method, Point, Result, Store, digest, sha256, weights_facts
from fast_nst.errors import ConfigError, ImageError, ModelError
from fast_nst.gatys import GatysConfig
from fast_nst.images import MAX_MEGAPIXELS, Pixels, fit, read_pixels
from fast_nst.inference import Stylizer
from fast_nst.inference.stylizer import MIN_SIDE
from fast_nst.measure.isolation import run_alone
from fast_nst.measure.machine import describe_machine
from fast_nst.perceptual import Objective, ObjectiveConfig, to_image
from fast_nst.perceptual.vgg import Architecture

_OF_THE_MACHINE = ("vgg_input", "loss_arithmetic")


@dataclass(frozen=True)
class CompareConfig:
    """One comparison, but for its files."""

    size: tuple[int, ...] = field(default=(256,), metadata={"option": False})
    """Longer sides, px."""
    steps: tuple[int, ...] = field(default=(50, 100, 300, 500), metadata={"option": False})
    """Checkpoints of the optimisation, ascending; the last ends it."""
    seed: int = field(default=0, metadata={"help": "Seed of the start from noise."})
    threads: int | None = field(default=None, metadata={"help": "CPU threads of both methods. Default: PyTorch's."})
    device: Literal["cpu", "cuda"] = field(
        default="cpu", metadata={"help": "Where both run; the network's engine needs onnxruntime-gpu for cuda."}
    )
    max_megapixels: float = field(default=MAX_MEGAPIXELS, metadata={"help": "Refuse larger pictures."})
    judge: str | None = field(
        default=None,
        metadata={
            "help": "Encoder of the deep distance, one that made neither side: vgg19, vgg16, or a file of weights with "
            "relu4_1. Default: what is at hand, else that figure is left out."
        },
    )
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a value makes no sense."""
        if not self.size or min(self.size) < MIN_SIDE:
            raise ConfigError(f"the sizes are {self.size}, expected at least {MIN_SIDE} px")
        if not self.steps or min(self.steps) < 1 or list(self.steps) != sorted(set(self.steps)):
            raise ConfigError(f"the steps are {self.steps}, expected ascending numbers from 1")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads is {self.threads}, expected at least 1")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ConfigError("PyTorch finds no CUDA device here; leave --device out to compare on the CPU")


@dataclass(frozen=True)
class Task:
    """One result to have: a method on a photograph at a size, stored under `stem`."""

    path: Path
    photo: str
    size: int
    method: Method
    stem: str

    def __str__(self) -> str:
        method = self.method if self.method in ("photo", "network") else f"Gatys from {self.method}"
        return f"{self.photo}, {self.size} px, {method}"


def trained_objective(stylizer: Stylizer) -> dict[str, Any]:
    """Return the fields of `ObjectiveConfig` that a model file says it was trained with; empty where it says nothing.

    A loss network that was a file, its input and the arithmetic are left out: they belong to the machine, not to what
    was trained. So is a style weight of 0, of a network that learnt its style from a discriminator: Gram matrices never
    judged it, and what judges both sides here needs a style.

    Raises:
        ModelError: when the file's `objective` is not understood.
    """
    try:
        trained = dict(json.loads(stylizer.metadata.get("objective") or "{}"))
    except (TypeError, ValueError):
        raise ModelError(f"{stylizer.path}: its objective is no JSON object; export the model again") from None
    if trained:
        trained.setdefault("hue_weight", 0.0)  # files from before there was such a term
    unknown = sorted(set(trained) - {field.name for field in fields(ObjectiveConfig)})
    if unknown:
        raise ModelError(f"{stylizer.path}: its objective has {', '.join(unknown)}, unknown here; upgrade fast-nst")
    if trained.get("loss_network") not in get_args(Architecture):
        trained.pop("loss_network", None)
    trained |= _weights_of_style(stylizer)
    if not trained.get("style_weight", 1):
        del trained["style_weight"]
    return {name: value for name, value in trained.items() if name not in _OF_THE_MACHINE}


def _weights_of_style(stylizer: Stylizer) -> dict[str, float]:
    """Return the weights that one style of a network of many was trained with."""
    shares = stylizer.controls.get("style")
    if shares is None or (shares == 1).sum() != 1:
        return {}
    style = json.loads(stylizer.metadata["styles"])[int(shares.argmax())]
    return {name: style[name] for name in ("content_weight", "style_weight") if style.get(name) is not None}


def _only(facts: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: facts[name]} if name in facts else {}


class Comparison:
    """A network and the optimisation, held against each other on one objective.

    Args:
        config: sizes, steps, objective.
        stylizer: the network; it is only described here, and runs elsewhere from its file.
        style_images: the painting, or several.
        folder: where results are kept, in `results/`.

    Raises:
        FastNstError: for a painting or weights that do not serve.
    """

    def __init__(self, config: CompareConfig, stylizer: Stylizer, style_images: Sequence[Path], folder: Path) -> None:
        self.config = config = replace(config, objective=config.objective.resolved().weighed())
        self.threads = config.threads or torch.get_num_threads()
        self.stylizer = stylizer
        self.style_images = style_images
        self.styles = tuple(_read(path, config.objective.style_size, config.max_megapixels) for path in style_images)
        self.objective = Objective(config.objective, *map(to_image, self.styles)).to(config.device)
        self.encoder = choose_encoder(config.judge, trainers(stylizer, config.objective))
        self.viewer = Viewer(self.styles, load_encoder(self.encoder, config.device) if self.encoder else None)
        self.store = Store(folder)
        self.machine = describe_machine()
        self.facts = self._facts()

    def _facts(self) -> dict[str, Any]:
        """What every result depends on, by who depends on it."""
        config = self.config.objective
        objective = asdict(config) | weights_facts(config.loss_network, "loss_network")
        style = {
            "file": ", ".join(path.name for path in self.style_images),
            "sha256": ", ".join(map(sha256, self.style_images)),
        }
        model = {"file": self.stylizer.path.name, "sha256": sha256(self.stylizer.path)}
        if self.stylizer.styles:
            model |= {"styles": self.stylizer.spec.rpartition("/")[2]}
        judge = weights_facts(self.encoder, "judge")
        return {"objective": objective, "style_image": style, "model": model, "judge": judge}

    def tasks(self, path: Path, photo: str) -> list[Task]:
        """Return what is to be known of a photograph, called `photo` in the report.

        Raises:
            ImageError: when the file cannot be read.
        """
        try:
            photo_sha256 = sha256(path)
        except OSError as error:
            raise ImageError(f"{path}: cannot be read ({error.strerror}); check its name and permissions") from error
        return [
            Task(path, photo, size, method, self._stem(path, photo_sha256, size, method))
            for size in self.config.size
            for method in METHODS
        ]

    def _stem(self, path: Path, photo_sha256: str, size: int, method: Method) -> str:
        """Name a result by all that it depends on: only the network's depends on the model."""
        objective, style = self.facts["objective"], self.facts["style_image"]["sha256"]
        key: dict[str, Any] = {"format": 2, "photo": photo_sha256, "size": size, "objective": objective, "style": style}
        key["judge"] = self.facts["judge"]
        if method != "photo":
            key |= {"machine": self.machine, "threads": self.threads, "device": self.config.device}
        if method == "network":
            key |= {"model": self.facts["model"]["sha256"], **_only(self.facts["model"], "styles")}
        elif method != "photo":
            key |= {"steps": self.config.steps, "seed": self.config.seed}
        return f"{path.stem[:60]}-{size}px-{method}-{digest(key)}"

    def stored(self, task: Task) -> Result | None:
        """Return the result of a task if it was measured before, be it from another folder."""
        result = self.store.load(task.stem)
        return result and replace(result, photo=task.photo)

    def measure(self, task: Task, on_step: Callable[[tuple[int, float]], None]) -> Result:
        """Run a task and store its result.

        Args:
            task: one of `tasks`.
            on_step: called with each step of an optimisation and its total loss.

        Raises:
            FastNstError: for a photograph that does not serve, or a method that fails on it.
        """
        photo = _read(task.path, task.size, self.config.max_megapixels)
        height, width = photo.shape[:2]
        if min(height, width) < MIN_SIDE:
            found = f"{width} x {height} px at --size {task.size}"
            raise ImageError(f"{task.path}: {found}, expected at least {MIN_SIDE} a side; give a larger size")
        history: dict[str, list[float]] = {}
        runs: tuple[float, ...] = ()
        if task.method == "photo":
            snapshots = [Snapshot(photo, None, None, None)]
        elif task.method == "network":
            snapshot, runs = run_alone(paint, self._paint_job(photo), on_step)
            snapshots = [snapshot]
        else:
            snapshots, history = run_alone(descend, self._descent_job(photo, task), on_step)
        points = self._judge(task.stem, photo, snapshots)
        result = Result(task.photo, task.size, height, width, task.method, points, history, runs)
        self.store.save(task.stem, result, [snapshot.pixels for snapshot in snapshots])
        return result

    def _paint_job(self, photo: Pixels) -> PaintJob:
        return PaintJob(self.stylizer.spec, photo, self.threads, (self.config.device,))

    def _descent_job(self, photo: Pixels, task: Task) -> DescentJob:
        """At one size alone, so that every step is one of the picture that is judged."""
        told, steps = self.config, self.config.steps
        gatys = GatysConfig(
            steps[-1], init=task.method, size=task.size, start_size=0, seed=told.seed, device=told.device
        )
        gatys = replace(gatys, objective=told.objective)
        return DescentJob(photo, self.styles, gatys, steps, self.threads)

    @torch.no_grad()
    def _judge(self, stem: str, photo: Pixels, snapshots: Sequence[Snapshot]) -> tuple[Point, ...]:
        """Judge 8-bit pictures, the optimiser's like the network's."""
        targets = self.objective.content_targets(to_image(photo).to(self.config.device))
        points = []
        for snapshot in snapshots:
            losses = self.objective(to_image(snapshot.pixels).to(self.config.device), targets).floats()
            ssim = float(structural_similarity(photo, snapshot.pixels, channel_axis=2))  # type: ignore[no-untyped-call]
            name = f"{stem}.png" if snapshot.step is None else f"{stem}-{snapshot.step:04d}.png"
            seen = self.viewer(photo, snapshot.pixels)
            points.append(Point(snapshot.step, losses, ssim, snapshot.seconds, snapshot.memory_mib, name, seen))
        return tuple(points)


def _read(path: Path, longer_side: int, max_megapixels: float) -> Pixels:
    return fit(read_pixels(path, max_megapixels=max_megapixels), longer_side)
