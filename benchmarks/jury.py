r"""Which of two sources' pastiches would a person rather hang on a wall? Blind pairs, and the envelope that is opened.

    python benchmarks/jury.py make --photographs DIR --painting NAME=FILE ... --first ours=DIR --second theirs=DIR \
        -o pairs/ --envelope elsewhere/envelope.json --seed 0
    python benchmarks/jury.py open elsewhere/envelope.json ballot-1.jsonl ballot-2.jsonl ... -o results.json

`make` looks for the pastiches of each painting in the folder of its name in either DIR, or in DIR itself where there is
one painting alone; they have the names of their photographs. Into `pairs/` go one picture for each pair and
`ballot.md`, which says what a viewer is asked and how to answer. Nothing there says which is whose: that is in the
envelope alone, which must lie where viewers do not look. A viewer sees A and B at up to 640 px, and crops of both at
100 %, from the same two places: one of the flattest of the photograph, one of the busiest.

`open` counts wins, ties and losses of the first source by painting and in all. A pair goes to the source that more
viewers chose, and is a tie where as many chose either. The interval is of the share of pairs won or tied, 95 %,
[Wilson1927]; viewers' single votes are counted too, but say nothing of chance, as several are on one pair. Agreement is
how often two viewers of one pair said the same. See `jury_count.py`.

References:
    [Wilson1927] Probable Inference, the Law of Succession, and Statistical Inference, JASA 22.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from appearance import by_stem
from jury_count import FORMAT, counted, read_ballots, read_envelope, table
from jury_sheet import pair_sheet

from fast_nst.errors import ConfigError, FastNstError
from fast_nst.images import Picture, atomic_path, read_pixels, write_picture

BALLOT = """# Which would you rather hang on a wall?

Each picture here, {first} to {last}, shows at the top a photograph and a painting. Below them two pictures, A and B,
were made of that photograph in the manner of that painting; below these are pieces of both at full size, from the same
two places.

**Which would you rather hang on a wall as this painter's picture of this photograph: A, B or tie? What is wrong with
each?** Judge each pair for itself. The order of A and B is drawn by lot for each pair.

Answer in a file of your own, one line of JSON for each pair, `choice` one of "A", "B" and "tie":

```
{{"pair": "{first}", "choice": "A", "wrong_a": "what is wrong with A", "wrong_b": "what is wrong with B"}}
```
"""


def make(args: argparse.Namespace) -> None:
    """Write the pairs, the ballot and the envelope."""
    if args.envelope.resolve().is_relative_to(args.output.resolve()):
        raise ConfigError(f"{args.envelope} lies in {args.output}, where viewers look; choose another place for it")
    if args.first[0] == args.second[0]:
        raise ConfigError(f"both sources are called {args.first[0]}; expected two names")
    if args.output.is_dir() and any(args.output.iterdir()):
        raise ConfigError(f"{args.output} is not empty; choose another folder, so that no earlier pair is among these")
    draw, found = np.random.default_rng(args.seed), matched(args)
    order = draw.permutation(len(found))
    pairs = {f"pair-{number:03d}": found[which] for number, which in enumerate(order, start=1)}
    names, envelope = [name for name, _ in (args.first, args.second)], {}
    for pair, (style, name, photograph, painting, pastiches) in pairs.items():
        turned = bool(draw.integers(2))
        sheet = pair_sheet(*map(read_pixels, (photograph, painting, *pastiches[:: -1 if turned else 1])), draw)
        write_picture(args.output / f"{pair}.png", Picture(sheet), overwrite=True)
        a, b = names[:: -1 if turned else 1]
        envelope[pair] = {"style": style, "photograph": name, "A": a, "B": b}
    write_json(args.envelope, {"format": FORMAT, "seed": args.seed, "sources": names, "pairs": envelope})
    write_text(args.output / "ballot.md", BALLOT.format(first=min(pairs), last=max(pairs)))
    print(f"{len(pairs)} pairs in {args.output}; the envelope is {args.envelope}")


def matched(args: argparse.Namespace) -> list[tuple[str, str, Path, Path, tuple[Path, Path]]]:
    """Return style, photograph's name, photograph, painting and both pastiches of each pair."""
    photographs, paintings, found = by_stem(args.photographs), dict(args.painting), []
    for style, painting in paintings.items():
        folders = [_folder(source, style, only=len(paintings) == 1) for _, source in (args.first, args.second)]
        first, second = map(by_stem, folders)
        common = [name for name in photographs if name in first and name in second]
        if not common:
            raise ConfigError(f"no photograph has a pastiche of its name in both {folders[0]} and {folders[1]}")
        found += [(style, name, photographs[name], painting, (first[name], second[name])) for name in common]
    return found


def _folder(source: Path, style: str, *, only: bool) -> Path:
    if (source / style).is_dir() or not only:
        return source / style
    return source


def open_envelope(args: argparse.Namespace) -> None:
    """Count the ballots, write the results and print them."""
    envelope = read_envelope(args.envelope)
    results = counted(envelope, read_ballots(args.ballots, envelope["pairs"]))
    write_json(args.output, results)
    print(table(results))


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a file of JSON that appears whole."""
    write_text(path, json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file that appears whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def named(text: str) -> tuple[str, Path]:
    """Read `NAME=PATH`."""
    name, equals, path = text.partition("=")
    if not (name and equals and Path(path).exists()):
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=PATH, of something that is there")
    return name, Path(path)


def main() -> int:
    """Make pairs, or open the envelope."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    making = commands.add_parser("make", help="write blind pairs, a ballot and an envelope")
    making.add_argument("--photographs", type=Path, required=True, metavar="DIR")
    making.add_argument("--painting", type=named, nargs="+", action="extend", required=True, metavar="NAME=FILE")
    for source in ("first", "second"):
        making.add_argument(f"--{source}", type=named, required=True, metavar="NAME=DIR", help="a source of pastiches")
    making.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="what viewers are shown")
    making.add_argument("--envelope", type=Path, required=True, metavar="FILE.json", help="which is whose")
    making.add_argument("--seed", type=int, default=0)
    making.set_defaults(command=make)
    opening = commands.add_parser("open", help="count ballots")
    opening.add_argument("envelope", type=Path)
    opening.add_argument("ballots", type=Path, nargs="+", metavar="BALLOT.jsonl")
    opening.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.json")
    opening.set_defaults(command=open_envelope)
    args = parser.parse_args()
    try:
        args.command(args)
    except FastNstError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
