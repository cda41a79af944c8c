"""`fast-nst benchmark`: how fast a style is here."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import click
from tqdm import tqdm

from fast_nst.benchmark.report import BenchmarkConfig, Row, as_json, count_rows, measure
from fast_nst.cli.columns import align
from fast_nst.cli.exits import DONE, FAILED, SOME_FAILED
from fast_nst.errors import ModelError
from fast_nst.images import atomic_path, check_replaceable
from fast_nst.inference.stylizer import choose_providers
from fast_nst.inference.zoo import find_style

_NAMED = {"720p": (720, 1280), "1080p": (1080, 1920), "4k": (2160, 3840)}
_HEADER = ("", "SIZE", "THREADS", "PROVIDER", "MODEL", "MEDIAN", "P95", "MP/S", "PEAK", "FASTER BY")


class Size(click.ParamType):  # type: ignore[type-arg]  # generic in some versions of click only
    """A picture's size: `512`, `1280x720`, `1080p`, `4k`."""

    name = "PX|WxH|720p|1080p|4k"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return height and width."""
        text = str(value).lower()
        if text in _NAMED:
            return _NAMED[text]
        match = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", text)
        if match is None:
            self.fail(f"{value!r}: expected a side in px, WIDTHxHEIGHT, 720p, 1080p or 4k", param, ctx)
        return int(match[2] or match[1]), int(match[1])

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the form, not the class name."""
        return self.name


@click.command("benchmark")
@click.option("--style", "styles", multiple=True, metavar="NAME|FILE.onnx", help="Shipped style or model; repeatable.")
@click.option(
    "--baseline", type=click.Path(path_type=Path), metavar="FILE.onnx", help="Any model to hold the styles against."
)
@click.option(
    "--size",
    "sizes",
    type=Size(),
    multiple=True,
    default=["256", "512", "720p", "1080p", "4k"],
    help="Of the picture; repeatable. Default: 256, 512, 720p, 1080p, 4k.",
)
@click.option(
    "--threads", type=click.IntRange(min=1), multiple=True, metavar="N", help="Repeatable. Default: all cores."
)
@click.option(
    "--provider",
    "providers",
    multiple=True,
    default=["cpu"],
    metavar="NAME",
    show_default=True,
    help="cpu, cuda ...; repeatable.",
)
@click.option(
    "--runs", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="Timed runs of each."
)
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=20.0,
    show_default=True,
    metavar="S",
    help="Seconds after which a line needs no more than 3 runs.",
)
@click.option("--only", type=click.Choice(["network", "command"]), help="Leave out the other half.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.json", help="Write all figures there.")
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON instead of the table.")
def command(
    *,
    styles: tuple[str, ...],
    baseline: Path | None,
    sizes: tuple[tuple[int, int], ...],
    threads: tuple[int, ...],
    providers: tuple[str, ...],
    runs: int,
    patience: float,
    only: str | None,
    output: Path | None,
    overwrite: bool,
    is_json: bool,
) -> int:
    """Time a style here: the network alone, and the whole of `fast-nst stylize`, JPEG to JPEG.

    Models are run in turns, each line in a process of its own. MEDIAN and P95 are of the runs, MP/S are megapixels a
    second, PEAK is the most memory that such a process held, FASTER BY is against the baseline.

    \b
    fast-nst benchmark --style starry-night
    fast-nst benchmark --style my.onnx --baseline candy.onnx --size 1080p --only network
    """  # noqa: D301  # the backspace is click's mark for lines to keep
    if output is not None:
        check_replaceable(output, overwrite=overwrite)
    if baseline is not None and not baseline.is_file():
        raise ModelError(f"there is no model file {baseline}")
    config = BenchmarkConfig(
        models=tuple(map(find_style, styles or ["starry-night"])),
        baseline=baseline,
        sizes=sizes,
        threads=threads or (None,),
        providers=tuple(choose_providers([name])[0] for name in providers),
        runs=runs,
        patience=patience,
        whats=("network", "command") if only is None else (only,),  # type: ignore[arg-type]  # click has checked it
    )
    rows = list(tqdm(measure(config), total=count_rows(config), unit="row", leave=False, disable=None))
    report = json.dumps(as_json(config, rows), indent=2) + "\n"
    if output is not None:
        with atomic_path(output) as temporary:
            temporary.write_text(report, encoding="utf-8")
    click.echo(report if is_json else _table(rows), nl=not is_json)
    return _tell_problems(rows)


def _table(rows: Sequence[Row]) -> str:
    return align([_HEADER, *map(_cells, rows)])


def _cells(row: Row) -> tuple[str, ...]:
    size, threads = f"{row.width}x{row.height}", str(row.threads or "all")
    place = (row.what, size, threads, row.provider.lower().removesuffix("executionprovider"), row.model)
    if row.problem:
        return (*place, "failed", "", "", "", "")
    peak = "" if row.peak_mib is None else f"{row.peak_mib:,.0f} MiB"
    faster = "baseline" if row.is_baseline else ""
    if row.faster is not None:
        faster = f"{row.faster.median:.2f} ({row.faster.lower:.2f} to {row.faster.upper:.2f})"
    times = (_milliseconds(row.median), _milliseconds(row.p95), f"{row.megapixels_per_second:.2f}")
    return (*place, *times, peak, faster)


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms" if seconds >= 0.1 else f"{1000 * seconds:.1f} ms"


def _tell_problems(rows: Sequence[Row]) -> int:
    problems = list(dict.fromkeys(row.problem for row in rows if row.problem))
    for problem in problems:
        click.echo(f"fast-nst: {problem}", err=True)
    return DONE if not problems else FAILED if all(row.problem for row in rows) else SOME_FAILED
