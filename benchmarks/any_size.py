"""Pictures from 1 to 100 megapixels: time and memory in strips and in one piece, and how far shortcuts are off.

python benchmarks/any_size.py PHOTOGRAPH --style great-wave -o FOLDER [--threads 2] [--limit 2GB]

The photograph is enlarged to squares of each size. `painting`: the style alone, from pixels to pixels, in one piece
where that is possible, and in strips; each in a process of its own, in turns. `thumbnail`: the same for strips with the
statistics of a thumbnail, which take one pass. `command`: `fast-nst stylize
--max-memory LIMIT`, from a PNG and a TIFF to the same, with its peak of resident memory as the system counts it.
`shortcuts`: two ways without the whole picture's statistics, held against one piece on 4 megapixels. Writes
`results.json` and `any-size.png`.
"""

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fast_nst.images import Picture, Pixels, atomic_path, fit, read_pixels, resize, write_picture
from fast_nst.inference import Stylizer
from fast_nst.inference.stylizer import open_session
from fast_nst.large.graph import ROWS_ABOVE, StyleGraph
from fast_nst.large.memory import plan
from fast_nst.large.painter import StripPainter, cut, halo
from fast_nst.large.probe import CONTENT, PASTICHE
from fast_nst.large.schedule import Pass
from fast_nst.large.size import parse_size
from fast_nst.large.store import MemoryRows, Store
from fast_nst.measure.isolation import peak_mib, run_alone
from fast_nst.measure.machine import describe_machine

MEGAPIXELS = (1, 4, 16, 100)
MOST_IN_ONE_PIECE = 64  # megapixels
_THUMBNAIL = 512  # px


def main() -> None:
    """Measure what is not known yet, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--style", default="great-wave")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", default="2GB")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / "results.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    parts: dict[str, Callable[[argparse.Namespace], Any]] = {
        "shortcuts": shortcuts,
        "painting": lambda args: painting(args, ("one piece", "strips")),
        "thumbnail": lambda args: painting(args, ("thumbnail",)),
        "command": command,
    }
    for name, part in parts.items():
        if name not in found:
            found[name] = part(args)
            found |= {"machine": describe_machine(), "threads": args.threads, "limit": args.limit, "style": args.style}
            with atomic_path(path) as temporary:
                temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            print(name, json.dumps(found[name], indent=1), flush=True)
    draw(found, args.output / "any-size.png")


def painting(args: argparse.Namespace, all_ways: Sequence[str]) -> list[dict[str, Any]]:
    """Return seconds and peak memory of the style alone, by several ways in turns."""
    found: list[dict[str, Any]] = []
    for megapixels in MEGAPIXELS:
        ways = [way for way in all_ways if way != "one piece" or megapixels <= MOST_IN_ONE_PIECE]
        runs: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(args.rounds):
            for way in ways:
                job = (str(args.photograph), args.style, megapixels, way, args.threads, args.limit)
                runs[way].append(run_alone(paint, job, print))
        for way, own in runs.items():
            seconds = [one[0] for one in own]
            found.append(
                {
                    "megapixels": megapixels,
                    "way": way,
                    "seconds": statistics.median(seconds),
                    "from": min(seconds),
                    "to": max(seconds),
                    "peak_mb": max(one[1] for one in own),
                }
            )
            print(found[-1], flush=True)
    return found


def paint(job: tuple[str, str, int, str, int, str], _: Callable[[Any], None]) -> tuple[float, float]:
    """Paint one picture; return seconds and the process's peak in MB, the picture and its pastiche with it."""
    photograph, style, megapixels, way, threads, limit = job
    pixels, stylizer = square(Path(photograph), megapixels), Stylizer(style, threads=threads)
    if way == "one piece":
        stylizer(pixels[:64, :64])
        start = time.perf_counter()
        stylizer(pixels)
    elif way == "thumbnail":
        graph = StyleGraph(stylizer.path, stylizer.controls)
        start = time.perf_counter()
        with_thumbnail(graph, pixels, threads, rows=2_000_000 // pixels.shape[1])
    else:
        graph = StyleGraph(stylizer.path, stylizer.controls)
        start = time.perf_counter()
        in_strips(graph, pixels, threads, parse_size(limit) - 6 * pixels[..., 0].size - 200_000_000)
    return time.perf_counter() - start, (peak_mib() or math.nan) * 2**20 / 1e6


def in_strips(graph: StyleGraph, pixels: Pixels, threads: int, free: int) -> Pixels:
    """Return the pastiche, in strips within `free` bytes."""
    how, pastiche = plan(graph, *pixels.shape[:2], free), np.empty_like(pixels)
    store = Store(None if how.is_kept_in_memory else how.folder)
    store.put(CONTENT, MemoryRows(pixels))
    store.put(PASTICHE, MemoryRows(pastiche))
    painter = StripPainter(graph, threads, ["CPUExecutionProvider"])
    painter.paint(store, len(pixels), how.passes, how.strip_rows, lambda rows: None)
    return pastiche


def square(photograph: Path, megapixels: int) -> Pixels:
    """Return the photograph as a square of so many megapixels."""
    side = round(math.sqrt(megapixels * 1e6))
    return resize(read_pixels(photograph), side, side)


def command(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return wall seconds and peak resident memory of the whole command."""
    found = []
    for megapixels in MEGAPIXELS:
        pixels = square(args.photograph, megapixels)
        for suffix in ("png", "tif"):
            source, target = (args.output / f"{name}.{suffix}" for name in ("content", "pastiche"))
            write_picture(source, Picture(pixels), overwrite=True)
            arguments = ["stylize", str(source), "-o", str(target), "--style", args.style, "--overwrite"]
            arguments += ["--threads", str(args.threads), "--max-memory", args.limit, "--stroke-size", "none"]
            start = time.perf_counter()
            process = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", "fast_nst", *arguments])
            _, status, usage = os.wait4(process, 0)
            seconds = time.perf_counter() - start
            if status:
                raise SystemExit(f"fast-nst {' '.join(arguments)} ended with {status}")
            peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
            found.append({"megapixels": megapixels, "file": suffix, "seconds": seconds, "peak_mb": peak})
            print(found[-1], flush=True)
            source.unlink()
            target.unlink()
    return found


def shortcuts(args: argparse.Namespace) -> dict[str, float]:
    """Return PSNR in dB against one piece: of our strips, a thumbnail's statistics, and each tile's own."""
    pixels, stylizer = square(args.photograph, 4), Stylizer(args.style, threads=args.threads)
    graph = StyleGraph(stylizer.path, stylizer.controls)
    whole = stylizer(pixels)
    half = len(pixels) // 2
    tiles = [np.hstack([stylizer(part[:, :half]), stylizer(part[:, half:])]) for part in (pixels[:half], pixels[half:])]
    strips = in_strips(graph, pixels, args.threads, 10**9)
    return {
        "strips": psnr(strips, whole),
        "strips, largest difference in levels": int(np.abs(strips.astype(int) - whole).max()),
        "statistics of a thumbnail": psnr(with_thumbnail(graph, pixels, args.threads, len(pixels)), whole),
        "statistics of each of four tiles": psnr(np.vstack(tiles), whole),
    }


def with_thumbnail(graph: StyleGraph, pixels: Pixels, threads: int, rows: int) -> Pixels:
    """Return the pastiche, in strips of so many rows, with the statistics of a thumbnail of the picture."""
    known, small, providers = {}, fit(pixels, _THUMBNAIL)[None], ["CPUExecutionProvider"]
    for norm in graph.norms:
        session = open_session(graph.cut([], [norm.tensor], known), threads, providers)
        values = session.run(None, {CONTENT: small})[0][0].astype(np.float64)
        grouped = values.reshape(len(values) // norm.group, -1)
        known[norm.node.output[0]] = (np.repeat(grouped.mean(1), norm.group), np.repeat(grouped.var(1), norm.group))
    session, pastiche = open_session(graph.cut([], [PASTICHE], known), threads, providers), np.empty_like(pixels)
    margin = halo(graph, Pass(len(graph.norms), (), PASTICHE))
    for top, bottom in cut(len(pixels), rows, graph.size_multiple):
        above = max(0, top - margin)
        feeds = {CONTENT: pixels[None, above : bottom + margin]}
        if session.get_overridable_initializers():  # noise is counted on from the rows above
            feeds[ROWS_ABOVE] = np.array(above, np.int64)
        strip = session.run(None, feeds)[0][0]
        pastiche[top:bottom] = strip[top - above : bottom - above]
    return pastiche


def psnr(pastiche: Pixels, expected: Pixels) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    error = np.mean((pastiche.astype(float) - expected) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else math.inf


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw time and memory over megapixels, both axes logarithmic: a straight line at 45 degrees is linear growth."""
    figure = Figure(figsize=(9, 4), dpi=120, layout="constrained")
    for axes, key, label in zip(
        figure.subplots(1, 2), ("seconds", "peak_mb"), ("seconds", "peak memory, MB"), strict=True
    ):
        for way, marker in (("one piece", "s"), ("strips", "o"), ("thumbnail", "x")):
            points = [
                (one["megapixels"], one[key]) for one in found["painting"] + found["thumbnail"] if one["way"] == way
            ]
            axes.plot(*zip(*points, strict=True), marker=marker, label=f"style alone, {way}")
        for suffix in ("png", "tif"):
            points = [(one["megapixels"], one[key]) for one in found["command"] if one["file"] == suffix]
            label_of = f"fast-nst stylize --max-memory {found['limit']}, {suffix.upper()}"
            axes.plot(*zip(*points, strict=True), marker=".", linestyle="--", label=label_of)
        axes.set(xscale="log", yscale="log", xlabel="megapixels", ylabel=label, xticks=MEGAPIXELS)
        axes.set_xticklabels(map(str, MEGAPIXELS))
        axes.minorticks_off()
        axes.grid(visible=True, alpha=0.3)
    figure.axes[0].legend(fontsize=7)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


if __name__ == "__main__":
    main()
