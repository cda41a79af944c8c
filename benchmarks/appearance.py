"""How do pastiches of several sources look beside the painting? The figures of `fast_nst.compare.appearance`.

    python benchmarks/appearance.py --photographs DIR --painting FILE --pastiches ours=DIR theirs=DIR -o table.json

Pastiches have the names of their photographs, whatever their suffix; a photograph that one of the sources lacks is left
out for all. Each photograph is brought to the size of its pastiche. Told are medians over the photographs, also of the
photographs themselves; `table.json` has every figure of every picture too. The painting is seen at `--style-size`, as
networks are trained on it.

`--judge` names what sees the deep distance: vgg19, vgg16, mini, or a file of weights with relu4_1, be it one of VGG or
the distilled encoder of [Wang2020]; it should be none that trained one of the sources. Without it that figure is left
out.

References:
    [Wang2020] Collaborative Distillation for Ultra-Resolution Universal Style Transfer, arXiv:2003.08436.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from fast_nst.compare.encoder import Encoder, load_encoder
from fast_nst.compare.figures import FIGURES, FLAT_OCTAVES, OVER_ALL, WHOLE_OCTAVES, Viewer
from fast_nst.compare.tables import NONE, number
from fast_nst.errors import ConfigError, FastNstError
from fast_nst.images import atomic_path, find_pictures, fit, read_pixels, resize

Figures = Mapping[str, float | None]

HEADERS = ("luminance from", "to", "range", "tone kept", "colour distance, ΔE", "strokes", "strokes in flat parts")
PHOTOGRAPHS = "the photographs"
_BLOCKS = ((1, 2), (1, 2), (1, 4), (1, 1))  # first and last convolution of each, to relu4_1


class DistilledEncoder:
    """The small VGG-19 of [Wang2020], to relu4_1 by the linear map that it was distilled with.

    RGB in [0, 1]; a 1x1 convolution, then 3x3 convolutions on reflected borders with rectifiers, in blocks with 2x2
    maxima between them.

    Args:
        file: its weights, under the names `conv0`, `conv11` .. `conv41`, `conv41_aux`.
    """

    def __init__(self, file: Path) -> None:
        self.state = {name: tensor.float() for name, tensor in load_file(file).items()}

    @torch.no_grad()
    def __call__(self, image: Tensor) -> Tensor:
        """Return relu4_1 `(1, 512, H / 8, W / 8)` of an image `(1, 3, H, W)`."""
        hidden = self._convolve("conv0", image)
        for block, (first, last) in enumerate(_BLOCKS, start=1):
            hidden = F.max_pool2d(hidden, 2) if block > 1 else hidden
            for layer in range(first, last + 1):
                hidden = F.relu(self._convolve(f"conv{block}{layer}", F.pad(hidden, (1, 1, 1, 1), mode="reflect")))
        return self._convolve("conv41_aux", hidden)

    def _convolve(self, name: str, hidden: Tensor) -> Tensor:
        return F.conv2d(hidden, self.state[f"{name}.weight"], self.state[f"{name}.bias"])


def read_encoder(judge: str | None) -> Encoder | None:
    """Return the encoder that a name or a file stands for."""
    if judge is None:
        return None
    if judge.endswith(".safetensors") and Path(judge).is_file():
        with safe_open(judge, framework="pt") as file:
            if "conv41_aux.weight" in file.keys():  # noqa: SIM118 - not a mapping
                return DistilledEncoder(Path(judge))
    return load_encoder(judge)


def by_stem(folder: Path) -> dict[str, Path]:
    """Return the pictures of a folder by their names without suffix."""
    return {name.with_suffix("").as_posix(): path for path, name in find_pictures([folder])}


def common(photographs: Mapping[str, Path], sources: Mapping[str, Mapping[str, Path]]) -> list[str]:
    """Return the photographs that every source has a pastiche of, in their order.

    Raises:
        ConfigError: where there is none.
    """
    names = [name for name in photographs if all(name in found for found in sources.values())]
    if not names:
        raise ConfigError(
            f"no photograph has a pastiche of its name in each of {', '.join(sources)}; expected a.png or so for a.jpg"
        )
    return names


def judged(
    viewer: Viewer, names: Sequence[str], photographs: Mapping[str, Path], pastiches: Mapping[str, Path]
) -> dict[str, Figures]:
    """Return the figures of each pastiche by its photograph's name."""
    found = {}
    for name in names:
        pastiche = read_pixels(pastiches[name])
        photograph = resize(read_pixels(photographs[name]), *pastiche.shape[:2])
        found[name] = viewer(photograph, pastiche)
    return found


def medians(found: Mapping[str, Figures]) -> Figures:
    """Return the median of each figure over the photographs for which it is known."""
    known = {name: [one[name] for one in found.values() if one[name] is not None] for name in FIGURES}
    return {name: statistics.median(values) if values else None for name, values in known.items()}


def table(painting: Figures, rows: Mapping[str, Figures]) -> str:
    """Lay the medians out as two Markdown tables: all figures, and the strokes by octave."""
    octaves = [f"{2**number} to {2 ** (number + 1)} px" for number in range(1, len(WHOLE_OCTAVES) + 1)]
    parts = (
        [
            ["", *HEADERS, "deep distance"],
            ["the painting", *_cells(painting, OVER_ALL)],
            *([name, *_cells(row, OVER_ALL)] for name, row in rows.items()),
        ],
        [
            ["strokes of", *octaves, *(f"{octave}, flat" for octave in octaves)],
            *([name, *_cells(row, (*WHOLE_OCTAVES, *FLAT_OCTAVES))] for name, row in rows.items()),
        ],
    )
    return "\n".join(map(_markdown, parts))


def _cells(figures: Figures, names: Sequence[str]) -> list[str]:
    values = [figures.get(name) for name in names]
    return [NONE if value is None else number(value) for value in values]


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in rows[0][1:])]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (rows[0], rule, *rows[1:]))


def source(text: str) -> tuple[str, Path]:
    """Read `NAME=DIR`."""
    name, equals, folder = text.partition("=")
    if not (name and equals and Path(folder).is_dir()):
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=DIR, with a folder of pastiches")
    return name, Path(folder)


def main() -> int:
    """Judge, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, required=True, metavar="DIR")
    parser.add_argument("--painting", type=Path, required=True, metavar="FILE")
    parser.add_argument("--pastiches", type=source, nargs="+", required=True, metavar="NAME=DIR")
    parser.add_argument("--judge", metavar="FILE|vgg19|vgg16|mini", help="encoder of the deep distance")
    parser.add_argument("--style-size", type=int, default=512, help="longer side of the painting, px")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.json")
    args = parser.parse_args()
    try:
        _judge(args)
    except FastNstError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


def _judge(args: argparse.Namespace) -> None:
    photographs = by_stem(args.photographs)
    sources = {name: by_stem(folder) for name, folder in args.pastiches}
    names = common(photographs, sources)
    viewer = Viewer([fit(read_pixels(args.painting), args.style_size)], read_encoder(args.judge))
    first = next(iter(sources.values()))
    sizes = {name: read_pixels(first[name]).shape[:2] for name in names}
    themselves = {name: viewer(*[resize(read_pixels(photographs[name]), *size)] * 2) for name, size in sizes.items()}
    found = {PHOTOGRAPHS: themselves} | {
        name: judged(viewer, names, photographs, pastiches) for name, pastiches in sources.items()
    }
    rows = {name: medians(figures) for name, figures in found.items()}
    told = {"painting": args.painting.name, "style_size": args.style_size, "photographs": names}
    told |= {"judge": args.judge and Path(args.judge).name, "painting_itself": viewer.painting}
    with atomic_path(args.output) as temporary:
        text = json.dumps(told | {"medians": rows, "pictures": found}, indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    print(table(viewer.painting, rows))


if __name__ == "__main__":
    sys.exit(main())
