"""Everything a training run can be told, in plain values: one truth for commands, YAML and checkpoints."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Self

from fast_nst.errors import ConfigError
from fast_nst.images import MAX_MEGAPIXELS
from fast_nst.perceptual import ObjectiveConfig
from fast_nst.training.adversarial.config import AdversarialConfig
from fast_nst.training.adversarial.discriminator import SMALLEST
from fast_nst.training.paintings import FACTS, WEIGHTS, Painting, style_name


@dataclass(frozen=True)
class TrainConfig:
    """One run: a painting or many, photographs, a network, an objective and how long to train. Sizes in px."""

    content_dir: tuple[str, ...] = field(
        metadata={"help": "Folder of photographs, searched recursively, or a URL such as s3://bucket/dir; repeatable."}
    )
    style: tuple[str, ...] = field(
        default=(),
        metadata={"help": "The painting; repeatable: several give one style between them, see --style-blend."},
    )
    paintings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, metadata={"option": False})
    """Instead of `style`: of a network of many styles, what each is told, by the style's name; see `Painting`."""
    preset: str = field(default="quality", metadata={"help": "Network preset."})
    max_steps: int = field(default=2000, metadata={"help": "Optimiser steps."})
    max_minutes: float | None = field(default=None, metadata={"help": "Stop after this long, if sooner."})
    batch_size: int = field(default=1, metadata={"help": "Photographs a step, over all devices."})
    accumulate: int = field(
        default=1, metadata={"help": "Batches a step is split into, one after the other, where memory is short."}
    )
    crop_size: int = field(default=256, metadata={"help": "Side of the square training crops, px."})
    learning_rate: float = field(default=8e-4, metadata={"help": "Peak learning rate of Adam."})
    max_gradient: float = field(
        default=20.0, metadata={"help": "Norm that longer gradients are shortened to, lest one odd crop upset a run."}
    )
    grid_weight: float = field(
        default=10.0, metadata={"help": "Weight of a term against grids: edges should fall anywhere alike."}
    )
    teacher: str | None = field(
        default=None,
        metadata={
            "help": "Larger network that paints this already (an .onnx file, a shipped style, a checkpoint or a "
            "run's folder), to be copied beside the objective; for small networks."
        },
    )
    teacher_weight: float = field(
        default=10.0, metadata={"help": "Weight of the difference to what the teacher paints, with --teacher."}
    )
    fixed_strength: bool = field(
        default=False,
        metadata={"help": "Learn strength 1 alone: what is painted can then be made neither weaker nor stronger."},
    )
    seed: int = field(default=0, metadata={"help": "Seed of weights, crops, order, styles and strengths."})
    init_from: str | None = field(
        default=None,
        metadata={"help": "Checkpoint of another style to start from; default: the one that comes with the preset."},
    )
    add_to: str | None = field(
        default=None,
        metadata={
            "help": "Network of many styles, an .onnx file or a checkpoint, that gets the painting as one more: only "
            "the new style's own numbers are learnt, and the others stay as they are."
        },
    )
    from_scratch: bool = field(default=False, metadata={"help": "Start from random weights."})
    workers: int = field(default=2, metadata={"help": "Threads that decode photographs; 0 decodes in line."})
    cache_gib: float = field(
        default=2.0, metadata={"help": "Memory for decoded photographs, of the GPU where there is one, GiB."}
    )
    checkpoint_every: int = field(default=200, metadata={"help": "Steps between checkpoints."})
    preview_every: int = field(default=200, metadata={"help": "Steps between preview pictures; 0 for none."})
    max_megapixels: float = field(default=MAX_MEGAPIXELS, metadata={"help": "Refuse larger pictures."})
    title: str = field(default="", metadata={"help": "Title of the painting, for the model's metadata."})
    artist: str = field(default="", metadata={"help": "Artist, for the model's metadata."})
    year: str = field(default="", metadata={"help": "Year of the painting, for the model's metadata."})
    licence: str = field(default="", metadata={"help": "Licence of the painting's image, for the model's metadata."})
    data_description: str = field(default="", metadata={"help": "What the photographs are, for the metadata."})
    accelerator: str = field(default="auto", metadata={"help": "Lightning accelerator: auto, cpu, gpu, mps."})
    devices: str = field(default="auto", metadata={"help": "Number of devices, or auto."})
    num_nodes: int = field(default=1, metadata={"help": "Number of machines."})
    strategy: str = field(default="auto", metadata={"help": "Lightning strategy, such as ddp."})
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = field(
        default="auto",
        metadata={
            "help": "Lightning precision of the network; auto is bfloat16, of network and loss network, on hardware "
            "that multiplies it natively, else float32."
        },
    )
    compile: Literal["auto", "on", "off"] = field(
        default="auto", metadata={"help": "torch.compile; auto is on for a GPU with a compiler at hand."}
    )
    adversary: AdversarialConfig = field(default_factory=AdversarialConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a value makes no sense."""
        if isinstance(self.style, str):  # as in configurations of one painting
            object.__setattr__(self, "style", (self.style,))
        self._check_paintings()
        self._check_adversary()
        for name, least in _LEAST.items():
            if not getattr(self, name) >= least:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected at least {least}")
        if self.from_scratch and self.init_from:
            raise ConfigError(f"from_scratch refuses what init_from {self.init_from} asks for; leave one of them out")
        if self.checkpoint_every < 1 or self.preview_every < 0:
            raise ConfigError("checkpoint_every must be at least 1 and preview_every at least 0")
        for name in ("learning_rate", "max_gradient"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected a number above 0")
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise ConfigError(f"max_minutes is {self.max_minutes}, expected a number above 0")

    def _check_paintings(self) -> None:
        if bool(self.style) == bool(self.paintings):
            raise ConfigError(
                "give either one style's painting (--style) or a folder with a painting for each style (--style-dir)"
            )
        if self.add_to and (self.from_scratch or self.init_from or self.paintings):
            raise ConfigError(
                f"{self.add_to} brings its own weights and gets one painting; leave init_from, from_scratch, and all "
                "paintings but one out"
            )
        self.all_paintings()

    def _check_adversary(self) -> None:
        if not self.adversary.adversarial:
            return
        if not self.paintings:
            raise ConfigError("an adversarial run learns from a folder of pictures; give it with --style-dir")
        if self.teacher:
            raise ConfigError(f"an adversarial run has no teacher; leave out either --adversarial or {self.teacher}")
        if self.accumulate > 1:
            raise ConfigError(f"accumulate is {self.accumulate}; an adversarial run steps both sides by whole batches")
        if self.crop_size < SMALLEST:
            raise ConfigError(f"crop_size is {self.crop_size}, expected at least {SMALLEST} for a discriminator")
        if self.precision == "16-mixed":
            raise ConfigError("an adversarial run is of precision 32-true or bf16-mixed, not 16-mixed")

    def all_paintings(self) -> list[Painting]:
        """Return the painting of each style, in the order of the network's rows."""
        if self.paintings:
            return [Painting.from_plain(name, told) for name, told in self.paintings.items()]
        objective = self.objective
        name = "-".join(style_name(Path(style)) for style in self.style)
        facts = {fact: getattr(self, fact) for fact in FACTS}
        return [Painting(name, self.style, objective.content_weight, objective.style_weight, **facts)]

    def objective_of(self, painting: Painting) -> ObjectiveConfig:
        """Return by what pastiches of one style are judged: the run's objective, with the painting's own weights."""
        weights = {name: getattr(painting, name) for name in WEIGHTS if getattr(painting, name) is not None}
        return replace(self.objective, **weights)

    def style_name(self) -> str:
        """Return the painting's title; without one, its file's name, or those of several."""
        return self.title or ", ".join(painting.title or painting.name for painting in self.all_paintings())

    def plain(self) -> dict[str, Any]:
        """Return one flat dictionary of plain values, as written to YAML and checkpoints."""
        values = asdict(self)
        for part in _PARTS:
            values |= values.pop(part)
        values["paintings"] = {name: dict(told) for name, told in self.paintings.items()}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Self:
        """Build from `plain()`'s dictionary; names that are no option raise `ConfigError`."""
        known = {part: {f.name for f in fields(kind)} for part, kind in _PARTS.items()}
        own = {f.name for f in fields(cls)} - set(known)
        if unknown := set(values) - own.union(*known.values()):
            raise ConfigError(f"unknown option {', '.join(sorted(unknown))}")
        run = {name: value for name, value in values.items() if name in own}
        for name in {"style", "content_dir"} & set(run):
            run[name] = (run[name],) if isinstance(run[name], str) else tuple(run[name])
        parts = {
            part: kind(**{name: value for name, value in values.items() if name in known[part]})
            for part, kind in _PARTS.items()
        }
        return cls(**run, **parts)


_PARTS: Mapping[str, type] = {"adversary": AdversarialConfig, "objective": ObjectiveConfig}
_LEAST = {
    "max_steps": 1,
    "batch_size": 1,
    "accumulate": 1,
    "crop_size": 64,
    "workers": 0,
    "num_nodes": 1,
    "grid_weight": 0,
    "teacher_weight": 0,
    "cache_gib": 0,
}
