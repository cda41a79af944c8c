"""Train the shipped styles: every painting of a configuration, with each of its presets.

python scripts/train_zoo.py configs/zoo.yaml [OTHER.yaml] -o models [--only NAME ...]

Each preset learns all paintings together first, which gives a network of many styles; every style then starts from
that run, with its own row, and gets a network of its own. Either may take several sittings, such as one of strength 1
alone and one of all. What is done is left alone and what was broken off goes on, so the same command serves until all
is done; --only (`base-quality`, `great-wave-1`, `great-wave`) restricts it to some runs, so that several machines or
cores can share the work; where that leaves a preset's first run out, its styles start from what that run once gave,
which is shipped. What a second configuration says at its outermost level stands in place of what the first one does:
other presets, trained the same.
"""

import argparse
import functools
import operator
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from fast_nst.cli.exits import DONE, INTERRUPTED
from fast_nst.cli.options import read_yaml
from fast_nst.errors import ConfigError, FastNstError, did_you_mean
from fast_nst.training.base import BASE
from fast_nst.training.checkpoint import CHECKPOINT_NAME, load_checkpoint
from fast_nst.training.config import TrainConfig
from fast_nst.training.paintings import Painting
from fast_nst.training.run import train

_OF_PRESETS = ("suffix", "many", "paintings", "first", "style", "taught_by")
_OF_PAINTINGS = {field.name for field in fields(Painting)}


@dataclass(frozen=True)
class Run:
    """One training run of the zoo: its name, what it is told, its folder and the file it ends in."""

    name: str
    config: TrainConfig
    folder: Path
    model: Path

    def is_done(self) -> bool:
        """Whether all its steps are taken, and the file is there."""
        checkpoint = self.folder / CHECKPOINT_NAME
        has_files = self.model.is_file() and checkpoint.is_file()
        return has_files and load_checkpoint(checkpoint).step >= self.config.max_steps


def plan(zoo: dict[str, Any], runs: Path, models: Path) -> Iterator[Run]:
    """Give every run of a configuration, in an order in which each finds what it starts from.

    Args:
        zoo: `common` options, sittings of the `first` run and of a `style`, `presets`, `paintings`; see
            `configs/zoo.yaml`. A preset may have sittings of its own, and a `taught_by`: another preset, whose files of
            the same paintings are its teachers. What else it says beside its `suffix`, `many` and `paintings` are
            options too. A painting's win over its preset's, those over a sitting's, those over the common ones; but the
            first run takes of a painting only what it is and how hard it pulls.
        runs: the folder that gets a folder for each run.
        models: the folder that gets the styles.
    """
    paintings = zoo["paintings"]
    together = {
        name: {option: value for option, value in told.items() if option in _OF_PAINTINGS}
        for name, told in paintings.items()
    }
    for preset, told in zoo["presets"].items():
        base = _base(preset)
        own = {name: value for name, value in told.items() if name not in _OF_PRESETS}
        common = zoo["common"] | {"preset": preset}
        larger = _larger(preset, zoo["presets"])
        many = models / f"{told['many']}.onnx" if "many" in told else runs / f"{base}.onnx"
        first = [_among(sitting, together) for sitting in told.get("first", zoo["first"])]
        teacher = {"teacher": str(models / f"{larger['many']}.onnx")} if larger else {}
        yield from _sittings(base, many, runs, common | teacher | {"from_scratch": True}, first, own)
        from_base = common | {"init_from": str(runs / base / CHECKPOINT_NAME)}
        for painting in told["paintings"] or paintings:
            name = painting + told["suffix"]
            model = models / f"{name}.onnx"
            teacher = {"teacher": str(models / f"{painting}{larger['suffix']}.onnx")} if larger else {}
            sittings = told.get("style", zoo["style"])
            yield from _sittings(name, model, runs, from_base | teacher, sittings, own | paintings[painting])


def _larger(preset: str, presets: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is told of the preset that teaches this one, if any."""
    name = presets[preset].get("taught_by")
    if name is not None and "many" not in presets.get(name, {}):
        raise ConfigError(f"{preset} is taught by {name!r}, expected a preset that has a name for its file of `many`")
    return None if name is None else presets[name]


def _among(sitting: dict[str, Any], paintings: dict[str, Any]) -> dict[str, Any]:
    """Return a sitting with the paintings that are learnt in it: all, or those that it names under `only`."""
    names = sitting.get("only", paintings)
    rest = {name: value for name, value in sitting.items() if name != "only"}
    return rest | {"paintings": {name: paintings[name] for name in names}}


def _base(preset: str) -> str:
    """Return the name of the first run of a preset."""
    return f"base-{preset}"


def _sittings(
    name: str,
    model: Path,
    runs: Path,
    common: dict[str, Any],
    sittings: list[dict[str, Any]],
    own: dict[str, Any],
) -> Iterator[Run]:
    """Give the runs one after the other that a style takes; all but the last are called NAME-1, NAME-2, ..."""
    for number, sitting in enumerate(sittings, 1):
        is_last = number == len(sittings)
        called = name if is_last else f"{name}-{number}"
        file = model if is_last else runs / f"{called}.onnx"
        yield Run(called, TrainConfig.from_plain(common | sitting | own), runs / called, file)
        common = common | {"from_scratch": False, "init_from": str(runs / called / CHECKPOINT_NAME)}


def main() -> int:
    """Take the runs one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zoo", type=Path, nargs="+", metavar="ZOO.yaml")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[], help="runs to take; default: all")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the .onnx files")
    parser.add_argument("--runs", type=Path, default=Path("runs/zoo"), help="folder of the runs [runs/zoo]")
    args = parser.parse_args()
    try:
        zoo = functools.reduce(operator.or_, map(read_yaml, args.zoo))
        return _take(_chosen(list(plan(zoo, args.runs, args.output)), args.only))
    except FastNstError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2


def _chosen(runs: list[Run], names: list[str]) -> list[Run]:
    known = {run.name: run for run in runs}
    for name in names:
        if name not in known:
            raise ConfigError(f"no run is named {name!r}{did_you_mean(name, known)}; the runs are {', '.join(known)}")
    return [known[name] for name in names] or runs


def _with_base(run: Run) -> TrainConfig:
    """Return what the run is told; without its preset's first run it starts from the base that is shipped."""
    first = run.folder.parent / _base(run.config.preset) / CHECKPOINT_NAME
    if run.config.init_from != str(first) or first.is_file():
        return run.config
    return replace(run.config, init_from=BASE)


def _take(runs: list[Run]) -> int:
    for number, run in enumerate(runs, 1):
        if run.is_done():
            continue
        print(f"{number} of {len(runs)}: {run.name}", file=sys.stderr, flush=True)
        resume = (run.folder / CHECKPOINT_NAME).is_file()
        outcome = train(_with_base(run), run.model, run.folder, resume=resume)
        losses = "  ".join(f"{name} {loss:.4g}" for name, loss in outcome.losses.items())
        print(f"{run.model}: {outcome.steps} steps; {losses}", flush=True)
        if outcome.interrupted:
            return INTERRUPTED
    return DONE


if __name__ == "__main__":
    sys.exit(main())
