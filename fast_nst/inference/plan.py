"""Which picture is written where, settled before anything is painted."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fast_nst.errors import ConfigError, ImageError
from fast_nst.images import SUFFIXES, WRITERS, check_writable, find_pictures


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to repaint."""

    source: Path
    target: Path
    problem: str = ""
    """Why the target cannot be written, empty if it can."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with the inputs of one command."""

    jobs: tuple[Job, ...]
    unusable: tuple[str, ...] = ()
    """What is wrong with each input that led to no picture."""


def plan_jobs(inputs: Sequence[str], output: str | None, *, style: str, overwrite: bool = False) -> Plan:
    """Find the pictures and settle where each one's pastiche goes.

    Without `output`, a file's pastiche goes beside it as `<stem>-<style><suffix>`, a folder's into a new folder
    `<folder>-<style>` with the same tree. With it, several pictures or a folder make `output` a folder with the same
    tree; so does a single picture if `output` is one or ends in `/`. Pictures of a folder that already lie in
    `output` are earlier results and left out. GIF becomes PNG, other formats that cannot be written become JPEG.

    Args:
        inputs: files, folders and globs.
        output: a file or a folder; see above.
        style: the style's name, for the names of the outputs.
        overwrite: whether outputs may exist. An input is never overwritten.

    Raises:
        ConfigError: if `output` has to be a folder and is not.
        ImageError: if every picture found lies in `output`.
    """
    errors: list[ImageError] = []
    jobs = _jobs_beside(inputs, style, errors) if output is None else _jobs_into(inputs, output, errors)
    checked = tuple(_find_problems(jobs, overwrite=overwrite))
    if not checked and not errors:
        raise ImageError(f"{output}: every picture found lies in here, as earlier results do; choose another output")
    return Plan(checked, tuple(map(str, errors)))


def written_suffix(suffix: str) -> str:
    """Return the suffix a pastiche gets, given its content's: the same where that can be written."""
    if suffix.lower() in WRITERS:
        return suffix
    return ".png" if suffix.lower() == ".gif" else ".jpg"


def _jobs_beside(inputs: Sequence[str], style: str, errors: list[ImageError]) -> Iterable[Job]:
    jobs: dict[Path, Job] = {}  # by true path: two inputs may name the same picture
    for given in inputs:
        folder = Path(given) if Path(given).name not in ("", "..") else Path(given).resolve()
        for source, relative in find_pictures([given], on_error=errors.append):
            if folder.is_dir():
                target = folder.with_name(f"{folder.name}-{style}") / relative
            else:
                target = source.with_stem(f"{source.stem}-{style}")
            jobs.setdefault(source.resolve(), Job(source, _writable(target)))
    return jobs.values()


def _jobs_into(inputs: Sequence[str], output: str, errors: list[ImageError]) -> Iterable[Job]:
    found = find_pictures(inputs, on_error=errors.append)
    ends_as_folder = output.endswith(("/", os.sep))
    if len(inputs) > 1 or len(found) > 1 or Path(inputs[0]).is_dir():
        _check_folder(Path(output), ends_as_folder=ends_as_folder)
    elif not ends_as_folder and not Path(output).is_dir():
        return [Job(source, Path(output)) for source, _ in found]
    earlier = {Path(output).resolve() for given in inputs if _lies_below(Path(output), Path(given))}
    return [
        Job(source, _writable(Path(output) / relative))
        for source, relative in found
        if not earlier.intersection(source.resolve().parents)
    ]


def _check_folder(output: Path, *, ends_as_folder: bool) -> None:
    if output.exists() and not output.is_dir():
        raise ConfigError(f"{output}: a file, where several pictures need a folder")
    if not output.exists() and not ends_as_folder and output.suffix.lower() in SUFFIXES:
        raise ConfigError(f"{output}: named like one picture, where several need a folder; end it in / if it is one")


def _lies_below(path: Path, folder: Path) -> bool:
    return folder.is_dir() and folder.resolve() in path.resolve().parents


def _writable(target: Path) -> Path:
    return target.with_suffix(written_suffix(target.suffix))


def _find_problems(jobs: Iterable[Job], *, overwrite: bool) -> Iterator[Job]:
    """Pass the jobs on, with what stands against writing the target said."""
    jobs = list(jobs)
    sources = {job.source.resolve() for job in jobs}
    owners: dict[Path, Path] = {}
    for job in jobs:
        owner = owners.setdefault(job.target.resolve(), job.source)
        try:
            if job.target.resolve() in sources:
                raise ImageError(f"{job.target}: an input, which is never overwritten; choose another output")
            if owner != job.source:
                raise ImageError(f"{job.source}: {job.target} is already the output of {owner}; stylise it by itself")
            check_writable(job.target, overwrite=overwrite)
        except ImageError as error:
            yield replace(job, problem=str(error))
        else:
            yield job
