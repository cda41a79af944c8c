"""Everything a training run can be told, in plain values: one truth for commands, YAML and checkpoints."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

from fast_nst.errors import ConfigError
from fast_nst.images import MAX_MEGAPIXELS
from fast_nst.perceptual import ObjectiveConfig


@dataclass(frozen=True)
class TrainConfig:
    """One run: a painting, photographs, a network, an objective and how long to train. Sizes in px."""

    style: tuple[str, ...] = field(
        metadata={"help": "The painting; repeatable: several give one style between them, see --style-blend."}
    )
    content_dir: tuple[str, ...] = field(
        metadata={"help": "Folder of photographs, searched recursively, or a URL such as s3://bucket/dir; repeatable."}
    )
    preset: str = field(default="quality", metadata={"help": "Network preset."})
    max_steps: int = field(default=2000, metadata={"help": "Optimiser steps."})
    max_minutes: float | None = field(default=None, metadata={"help": "Stop after this long, if sooner."})
    batch_size: int = field(default=1, metadata={"help": "Photographs a step, over all devices."})
    accumulate: int = field(
        default=1, metadata={"help": "Batches a step is split into, one after the other, where memory is short."}
    )
    crop_size: int = field(default=192, metadata={"help": "Side of the square training crops, px."})
    learning_rate: float = field(default=5e-4, metadata={"help": "Peak learning rate of Adam."})
    grid_weight: float = field(
        default=10.0, metadata={"help": "Weight of a term against grids: edges should fall anywhere alike."}
    )
    shift_weight: float = field(
        default=2.0,
        metadata={
            "help": "Weight of a term against hatches: what is painted should not change with where it lies. 0 paints "
            "each crop once, which is faster."
        },
    )
    seed: int = field(default=0, metadata={"help": "Seed of weights, crops and order."})
    init_from: str | None = field(
        default=None,
        metadata={"help": "Checkpoint of another style to start from; default: the one that comes with the preset."},
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
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a value makes no sense."""
        if isinstance(self.style, str):  # as in configurations of one painting
            object.__setattr__(self, "style", (self.style,))
        if not self.style:
            raise ConfigError("style names no painting")
        for name, least in _LEAST.items():
            if not getattr(self, name) >= least:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected at least {least}")
        if self.from_scratch and self.init_from:
            raise ConfigError(f"from_scratch refuses what init_from {self.init_from} asks for; leave one of them out")
        if self.checkpoint_every < 1 or self.preview_every < 0:
            raise ConfigError("checkpoint_every must be at least 1 and preview_every at least 0")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate is {self.learning_rate}, expected a number above 0")
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise ConfigError(f"max_minutes is {self.max_minutes}, expected a number above 0")

    def style_name(self) -> str:
        """Return the painting's title; without one, its file's name, or those of several."""
        return self.title or "-".join(Path(style).stem for style in self.style)

    def plain(self) -> dict[str, Any]:
        """Return one flat dictionary of plain values, as written to YAML and checkpoints."""
        values = asdict(self)
        values |= values.pop("objective")
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Self:
        """Build from `plain()`'s dictionary; names that are no option raise `ConfigError`."""
        own = {f.name for f in fields(cls)} - {"objective"}
        judged = {f.name for f in fields(ObjectiveConfig)}
        if unknown := set(values) - own - judged:
            raise ConfigError(f"unknown option {', '.join(sorted(unknown))}")
        run = {name: value for name, value in values.items() if name in own}
        for name in ("style", "content_dir"):
            run[name] = (run[name],) if isinstance(run[name], str) else tuple(run[name])
        return cls(**run, objective=ObjectiveConfig(**{n: v for n, v in values.items() if n in judged}))


_LEAST = {
    "max_steps": 1,
    "batch_size": 1,
    "accumulate": 1,
    "crop_size": 64,
    "workers": 0,
    "num_nodes": 1,
    "grid_weight": 0,
    "shift_weight": 0,
    "cache_gib": 0,
}
