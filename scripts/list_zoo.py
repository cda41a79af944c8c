"""List the shipped styles: their figures, and a sheet of what they paint.

python scripts/list_zoo.py configs/zoo.yaml models UNSEEN --loss-network vgg19

UNSEEN are photographs that no training saw. Each style of the configuration that is in the folder is judged on them by
the loss network given, at 256 and 512 px; written are `zoo.json`, `zoo.jpg`, and the table in the folder's README.md
between its two marks.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fast_nst.cli.exits import DONE
from fast_nst.cli.options import read_yaml
from fast_nst.compare.judge import default_objective, judge, median_terms
from fast_nst.errors import ConfigError, FastNstError
from fast_nst.images import Picture, Pixels, atomic_path, find_pictures, fit, read_pixels, write_picture
from fast_nst.inference import Stylizer
from fast_nst.inference.sheet import contact_sheet

SIZES = (256, 512)
MARKS = ("<!-- zoo -->\n", "<!-- /zoo -->\n")
_SHOWN = 3  # photographs on the sheet
_COLUMNS, _CELL = 6, 200  # styles side by side, px of each
_QUALITY = 75  # of the sheet, which travels in the wheel


def main() -> int:
    """Judge, and write all three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zoo", type=Path, metavar="ZOO.yaml")
    parser.add_argument("models", type=Path)
    parser.add_argument("unseen")
    parser.add_argument("--loss-network", default="vgg19")
    args = parser.parse_args()
    try:
        _list(args)
    except FastNstError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return DONE


def _list(args: argparse.Namespace) -> None:
    zoo, photographs = read_yaml(args.zoo), [path for path, _ in find_pictures([args.unseen])]
    styles = dict(_styles(zoo, args.models))
    if not styles:
        raise ConfigError(f"none of the styles of {args.zoo} is in {args.models}; expected files as train_zoo.py makes")
    readme = args.models / "README.md"
    _around_marks(readme)  # what is wrong with it is told before the work
    found = {name: _figures(model, painting, photographs, args) for name, (model, painting) in styles.items()}
    _write(args.models / "zoo.json", json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    before, after = _around_marks(readme)
    _write(readme, f"{before}{MARKS[0]}{table(found)}{MARKS[1]}{after}")
    sheet = Picture(_sheet(styles, photographs[:: -(-len(photographs) // _SHOWN)]))
    write_picture(args.models / "zoo.jpg", sheet, quality=_QUALITY, overwrite=True)


def _styles(zoo: Mapping[str, Any], models: Path) -> Sequence[tuple[str, tuple[Path, str]]]:
    """Return the name of each style that is there, with its file and its painting's, best preset first."""
    found = []
    for preset in zoo["presets"].values():
        for painting in preset["paintings"] or zoo["paintings"]:
            model = models / f"{painting}{preset['suffix']}.onnx"
            if model.is_file():
                found.append((model.stem, (model, zoo["paintings"][painting]["style"])))
    return found


def _figures(model: Path, painting: str, photographs: Sequence[Path], args: argparse.Namespace) -> dict[str, Any]:
    """Return what the file says of itself, and the medians of the objective over the photographs."""
    stylizer, objective, losses = Stylizer(model), default_objective(painting, args.loss_network), {}
    for size in SIZES:
        medians = median_terms(judge(objective, stylizer, photographs, size))
        losses[str(size)] = {term: round(median, 4) for term, median in medians.items()}
    info = stylizer.info
    print(model.stem, losses, flush=True)
    told = {name: getattr(info, name) for name in ("title", "artist", "year", "licence", "preset")}
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    return told | {"losses": losses, "bytes": model.stat().st_size, "sha256": sha256}


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Lay the styles out as a Markdown table."""
    rows = [
        "| style | painting | licence | network | content, style, tone, TV at 256 px | total at 256, 512 px | kB "
        "| sha256 |",
        "| --- | --- | --- | --- | --- | --- | ---: | --- |",
    ]
    for name, style in found.items():
        small, large = (style["losses"][str(size)] for size in SIZES)
        terms = ", ".join(f"{small[term]:.3f}" for term in ("content", "style", "tone", "tv"))
        painting = f"{style['title']}, {style['artist']}, {style['year']}"
        totals = f"{small['total']:.3f}, {large['total']:.3f}"
        kb, sha256 = f"{style['bytes'] / 1000:.0f}", f"`{style['sha256'][:16]}`"
        cells = [f"`{name}`", painting, style["licence"], f"`{style['preset']}`", terms, totals, kb, sha256]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _around_marks(path: Path) -> tuple[str, str]:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, opening, rest = text.partition(MARKS[0])
    _, closing, after = rest.partition(MARKS[1])
    if not (opening and closing):
        raise ConfigError(f"{path} has no lines {' and '.join(map(str.strip, MARKS))} to put the table between")
    return before, after


def _sheet(styles: Mapping[str, tuple[Path, str]], photographs: Sequence[Path]) -> Pixels:
    """Return every style under its name: the painting, then the photographs repainted; a few styles side by side."""
    contents = [fit(read_pixels(path), 2 * _CELL) for path in photographs]
    names, bands = list(styles), []
    for first in range(0, len(names), _COLUMNS):
        chosen = names[first : first + _COLUMNS]
        stylizers = [Stylizer(styles[name][0]) for name in chosen]
        paintings = [fit(read_pixels(styles[name][1]), 2 * _CELL) for name in chosen]
        rows = [paintings, *([stylizer(content) for stylizer in stylizers] for content in contents)]
        bands.append(contact_sheet(rows, chosen, cell_width=_CELL))
    width = max(band.shape[1] for band in bands)
    filled = [np.pad(band, ((0, 0), (0, width - band.shape[1]), (0, 0)), constant_values=255) for band in bands]
    return np.concatenate(filled)


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
