"""`fast-nst stylize`: repaint files and folders in a style."""

import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NoReturn, Self

import click

from fast_nst.cli.controls import control_options, read_controls, region_styles, region_stylizers
from fast_nst.cli.exits import DONE, FAILED, INTERRUPTED, SOME_FAILED
from fast_nst.images import MAX_MEGAPIXELS
from fast_nst.inference import Stylizer
from fast_nst.inference.batch import Batch, FileOptions, Outcome, share_cores
from fast_nst.inference.plan import Plan, plan_jobs
from fast_nst.inference.zoo import parse_weights, style_label
from fast_nst.large.any_size import AnySizeStylizer, Progress
from fast_nst.large.size import parse_size
from fast_nst.large.stroke_size import parse_stroke_size

if TYPE_CHECKING:
    from tqdm import tqdm

_POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command("stylize")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "--style",
    required=True,
    metavar="STYLE",
    help="Shipped style (`fast-nst styles`) or FILE.onnx; of a network of many styles FILE.onnx/NAME. Several are "
    "mixed: NAME:0.3,NAME:0.7.",
)
@click.option(
    "--strength",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="How much of the style: 0 is the photograph, up to 1.5.",
)
@click.option("-o", "--output", metavar="OUT", help="File, or folder for several pictures. Default: beside the input.")
@click.option("--size", type=click.IntRange(min=1), metavar="PX", help="Resize so that the longer side is PX.")
@click.option("--scale", type=_POSITIVE, metavar="F", help="Resize both sides by the factor F.")
@click.option(
    "--quality", type=click.IntRange(1, 100), default=95, metavar="Q", show_default=True, help="Of JPEG and WebP."
)
@click.option("--keep-metadata/--no-metadata", default=True, help="Keep the EXIF data, or not. Default: keep.")
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist; an input is never replaced.")
@click.option(
    "--max-megapixels", type=_POSITIVE, default=MAX_MEGAPIXELS, metavar="MP", show_default=True, help="Refuse larger."
)
@click.option(
    "--stroke-size",
    default="auto",
    metavar="PX",
    show_default=True,
    help="Paint larger pictures with the strokes of one whose longer side is PX. auto does so above 1.5 megapixels; "
    "none leaves strokes as they come.",
)
@control_options
@click.option(
    "--max-memory",
    metavar="SIZE",
    help="Stay within, e.g. 2GB: one picture at a time, in strips if need be. Default: most of what is free.",
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="CPU threads. Default: all cores.")
@click.option("--provider", metavar="NAME", help="cpu, cuda ... Default: cuda if available, else cpu.")
@click.option("--progress/--no-progress", default=None, help="Progress bar. Default: for several, on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per picture instead of its path.")
def command(
    *,
    inputs: tuple[str, ...],
    style: str,
    strength: float,
    output: str | None,
    max_memory: str | None,
    stroke_size: str,
    threads: int | None,
    provider: str | None,
    progress: bool | None,
    as_json: bool,
    **others: Any,  # click has checked them against their types
) -> int:
    """Repaint pictures in a style.

    INPUT is a picture, a folder (repainted with its tree) or a quoted glob. Prints the path of every pastiche.

    \b
    fast-nst stylize photo.jpg --style starry-night
    fast-nst stylize photos/ --style my.onnx -o painted/ --size 1024
    fast-nst stylize photo.jpg --style starry-night:0.3,great-wave:0.7 --strength 0.8
    fast-nst stylize photo.jpg --style many --mask starry-night=sky.png --mask udnie=city.png
    """  # noqa: D301  # the backspace is click's mark for lines to keep
    options = FileOptions(**{field.name: others.pop(field.name) for field in fields(FileOptions)})
    if options.size is not None and options.scale is not None:
        raise click.UsageError("--size and --scale exclude each other; give one")
    finish = read_controls(style, max_megapixels=options.max_megapixels, **others)
    label = "-".join("-".join(parse_weights(name)) for name in region_styles(finish)) or style_label(style)
    plan = plan_jobs(inputs, output, style=label, overwrite=options.overwrite)
    progress_of_strips = sys.stderr.isatty() if progress is None else progress
    if progress is None and len(plan.jobs) < 2:
        progress = False
    limit = None if max_memory is None else parse_size(max_memory)
    strokes = parse_stroke_size(stroke_size)
    painters, threads = share_cores(len(plan.jobs) if limit is None else 1, threads)
    stylizer = Stylizer(style, strength=strength, threads=threads, providers=None if provider is None else [provider])
    regions = region_stylizers(stylizer, finish)
    for chosen in regions or [stylizer]:
        chosen.controls  # what is wrong with them is told before any picture is read  # noqa: B018
    with StripBar(show=progress_of_strips) as strip_bar:
        painter = AnySizeStylizer(
            stylizer,
            max_memory=limit,
            stroke_size=strokes,
            threads=threads,
            tell=strip_bar,
            regions=regions,
            finish=finish,
        )
        is_frugal = limit is not None
        batch = Batch(plan.jobs, painter, options, file_painter=painter, painters=painters, is_frugal=is_frugal)
        with _on_ctrl_c(batch.stop):
            return report(batch, plan, as_json=as_json, bar=_bar(batch, progress))


@contextmanager
def _on_ctrl_c(stop: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C call `stop` and do nothing else; a second one interrupts as ever."""

    def press(*_: object) -> None:
        signal.signal(signal.SIGINT, usual)
        stop()

    usual = signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


class StripBar:
    """A progress bar for pictures in strips, which appears with the first strip.

    Args:
        show: whether it appears at all.
    """

    def __init__(self, *, show: bool) -> None:
        self._show = show
        self._bar: tqdm[NoReturn] | None = None

    def __enter__(self) -> Self:
        """Return the bar."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take it from the screen."""
        if self._bar is not None:
            self._bar.close()

    def __call__(self, progress: Progress) -> None:
        """Show how far a picture is."""
        if not self._show:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=progress.total, desc="strips", unit="row", unit_scale=True, leave=False)
        if progress.done < self._bar.n:  # the next picture
            self._bar.reset(progress.total)
        self._bar.update(progress.done - self._bar.n)


def _bar(batch: Batch, progress: bool | None) -> "tqdm[Outcome] | None":  # noqa: FBT001
    """Return a progress bar; None for none: loading it takes as long as painting a small picture."""
    if progress is False:
        return None
    from tqdm import tqdm

    return tqdm(batch, unit="picture", disable=None if progress is None else False)


def report(outcomes: Iterable[Outcome], plan: Plan, *, as_json: bool, bar: "tqdm[Outcome] | None" = None) -> int:
    """Print every outcome of the plan as it comes and what failed at the end; return the exit code.

    With a `bar`, which is around `outcomes`, that is shown too.
    """
    written, problems = 0, []
    for outcome in outcomes if bar is None else bar:
        with nullcontext() if bar is None else bar.external_write_mode():
            _print_outcome(outcome, as_json=as_json)
        if outcome.problem:
            problems.append(outcome.problem)
            if bar is not None:
                bar.set_postfix(failed=len(problems))
        else:
            written += 1
    is_interrupted = written + len(problems) < len(plan.jobs)
    if is_interrupted:
        click.echo(f"fast-nst: interrupted with {written} of {len(plan.jobs)} done", err=True)
    if as_json:
        click.echo("".join(json.dumps({"problem": problem}) + "\n" for problem in plan.unusable), nl=False)
    problems = [*plan.unusable, *problems]
    _print_problems(problems, written)
    if is_interrupted:
        return INTERRUPTED
    return DONE if not problems else SOME_FAILED if written else FAILED


def _print_outcome(outcome: Outcome, *, as_json: bool) -> None:
    for note in outcome.notes:
        click.echo(f"fast-nst: {outcome.source}: {note}", err=True)
    if as_json:
        click.echo(json.dumps(_to_json(outcome), ensure_ascii=False))
    elif not outcome.problem:
        click.echo(outcome.target)


def _to_json(outcome: Outcome) -> dict[str, Any]:
    if outcome.problem:
        return {"input": str(outcome.source), "problem": outcome.problem}
    return {
        "input": str(outcome.source),
        "output": str(outcome.target),
        "width": outcome.width,
        "height": outcome.height,
        "seconds": round(outcome.seconds, 3),
        "notes": outcome.notes,
    }


def _print_problems(problems: Sequence[str], written: int) -> None:
    if len(problems) == 1 and not written:
        click.echo(f"fast-nst: {problems[0]}", err=True)
    elif problems:
        click.echo("\n  ".join([f"fast-nst: {written} done, {len(problems)} failed:", *problems]), err=True)
