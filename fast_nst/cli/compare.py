"""`fast-nst compare`: hold a style's network against the slow method."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from tqdm import tqdm

from fast_nst.cli.exits import DONE, FAILED, INTERRUPTED, SOME_FAILED
from fast_nst.cli.objective import resolved
from fast_nst.cli.options import build, config_option, options_from
from fast_nst.compare.records import Result
from fast_nst.compare.report import build_report
from fast_nst.compare.session import CompareConfig, Comparison, Task, trained_objective
from fast_nst.compare.writer import write_report
from fast_nst.errors import ConfigError, FastNstError, ImageError
from fast_nst.images import find_pictures
from fast_nst.inference import Stylizer


class Numbers(click.ParamType):  # type: ignore[type-arg]  # generic in some versions of click only
    """Ascending whole numbers: `50,100,300`, or a list from YAML."""

    name = "N,..."

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the numbers, ascending, each once."""
        parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
        try:
            return tuple(sorted({int(str(part)) for part in parts}))
        except ValueError:
            self.fail(f"{value!r}: expected whole numbers with commas between them, such as 50,100", param, ctx)


@click.command("compare")
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True)
@click.option(
    "--style-image",
    "style_images",
    required=True,
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The painting; repeatable, for a network of several.",
)
@click.option("--model", required=True, metavar="NAME|FILE.onnx", help="The network: a shipped style or a model file.")
@click.option(
    "-o", "--output", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Folder of the report."
)
@click.option("--size", type=Numbers(), default="256", show_default=True, help="Longer sides to compare at, px.")
@click.option(
    "--steps", type=Numbers(), default="50,100,300,500", show_default=True, help="Checkpoints of the optimisation."
)
@config_option
@options_from(CompareConfig)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    photos: tuple[str, ...],
    style_images: tuple[Path, ...],
    model: str,
    output: Path,
    **values: Any,  # click has checked them against their types
) -> int:
    """Hold a style's network against the optimisation of Gatys et al., on one objective.

    PHOTO is a picture, a folder or a quoted glob. The objective is the one the network was trained on where its file
    says so; options given here win. Every result is kept in DIR/results as soon as it is there: the same command goes
    on where an earlier one stopped.

    \b
    fast-nst compare photo.jpg --style-image painting.jpg --model my.onnx -o report/
    fast-nst compare photos/ --style-image painting.jpg --model my.onnx -o report/ --size 256,512 --steps 50,100
    """  # noqa: D301  # the backspace is click's mark for lines to keep
    stylizer = Stylizer(model, threads=1, providers=["cpu"])
    for name, value in trained_objective(stylizer).items():
        if ctx.get_parameter_source(name) is ParameterSource.DEFAULT:
            values[name] = value
    if output.exists() and not output.is_dir():
        raise ConfigError(f"{output} is a file, expected a folder for the report; choose another output")
    progress = Progress()
    found = find_pictures(photos, on_error=progress.fail)
    config = build(CompareConfig, values)
    config = replace(config, objective=resolved(config.objective))
    comparison = Comparison(config, stylizer, style_images, output)
    tasks = progress.plan(comparison, found)
    is_interrupted = False
    try:
        progress.run(comparison, tasks)
    except KeyboardInterrupt:
        is_interrupted = True
    return finish(comparison, progress, is_interrupted=is_interrupted)


@dataclass
class Progress:
    """What has come of the tasks so far, said on stderr as it comes."""

    results: list[Result] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def fail(self, error: FastNstError, what: str = "") -> None:
        """Take in what went wrong; a photograph that cannot be read is said once."""
        line = f"{what}: {error}" if what and not isinstance(error, ImageError) else str(error)
        if line not in self.failures:
            self.failures.append(line)
            click.echo(f"fast-nst: {line}", err=True)

    def plan(self, comparison: Comparison, found: list[tuple[Path, Path]]) -> list[Task]:
        """Return what is left to measure, having taken in what was measured before."""
        left = []
        for path, name in found:
            try:
                tasks = comparison.tasks(path, str(name))
            except ImageError as error:
                self.fail(error)
                continue
            for task in tasks:
                if stored := comparison.stored(task):
                    self.results.append(stored)
                else:
                    left.append(task)
        if self.results:
            click.echo(f"fast-nst: {len(self.results)} results of an earlier run found", err=True)
        return left

    def run(self, comparison: Comparison, tasks: list[Task]) -> None:
        """Measure each task; a failure ends none of the others."""
        last = comparison.config.steps[-1]
        descents = sum(task.method in ("content", "noise") for task in tasks)
        with tqdm(total=descents * (last + 1), unit="step", disable=None) as bar:

            def show(step: tuple[int, float]) -> None:
                bar.update()
                bar.set_postfix_str(f"{bar_name}, total {step[1]:.4g}", refresh=False)

            for number, task in enumerate(tasks, start=1):
                bar_name = str(task)
                try:
                    result = comparison.measure(task, show)
                except FastNstError as error:
                    with tqdm.external_write_mode():
                        self.fail(error, str(task))
                    continue
                self.results.append(result)
                with tqdm.external_write_mode():
                    total = result.points[-1].losses["total"]
                    click.echo(f"[{number}/{len(tasks)}] {task}: total {total:.4g}", err=True)


def finish(comparison: Comparison, progress: Progress, *, is_interrupted: bool) -> int:
    """Write the report of what there is, print its files, and return the exit code."""
    if is_interrupted:
        click.echo("fast-nst: interrupted; the same command goes on from here", err=True)
    if not progress.results:
        return INTERRUPTED if is_interrupted else FAILED
    is_complete = not is_interrupted
    for path in write_report(build_report(comparison, progress.results, progress.failures, is_complete=is_complete)):
        click.echo(path)
    if is_interrupted:
        return INTERRUPTED
    return SOME_FAILED if progress.failures else DONE
