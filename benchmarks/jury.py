"""Which of two sources' pastiches would a person rather hang on a wall? Blind pairs, and the envelope that is opened.

    python benchmarks/jury.py make --photographs DIR --painting NAME=FILE ... --first ours=DIR --second theirs=DIR \\
        -o pairs/ --envelope elsewhere/envelope.json --seed 0
    python benchmarks/jury.py open elsewhere/envelope.json ballot-1.jsonl ballot-2.jsonl ... -o results.json

`make` looks for the pastiches of each painting in the folder of its name in either DIR, or in DIR itself where there is
one painting alone; they have the names of their photographs. Into `pairs/` go one picture for each pair and `ballot.md`,
which says what a viewer is asked and how to answer. Nothing there says which is whose: that is in the envelope alone,
which must lie where viewers do not look. A viewer sees A and B at up to 640 px, and crops of both at 100 %, from the
same two places: one of the flattest of the photograph, one of the busiest.

`open` counts wins, ties and losses of the first source by painting and in all. A pair goes to the source that more
viewers chose, and is a tie where as many chose either. The interval is of the share of pairs won or tied, 95 %,
[Wilson1927]; viewers' single votes are counted too, but say nothing of chance, as several are on one pair. Agreement is
how often two viewers of one pair said the same.

References:
    [Wilson1927] Probable Inference, the Law of Succession, and Statistical Inference, JASA 22.
"""

import argparse
import itertools
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fast_nst.compare.appearance import octaves
from fast_nst.errors import ConfigError, FastNstError
from fast_nst.images import Picture, Pixels, atomic_path, find_pictures, fit, read_pixels, resize, write_picture

FORMAT = "fast_nst.jury/1"
CHOICES = ("A", "B", "tie")
OUTCOMES = ("wins", "ties", "losses")
Z = 1.959964  # of 95 % on both sides
SHOWN, SMALL, CROP, MARGIN, LINE = 640, 300, 260, 12, 24  # px
_EXTREME = 0.1  # of the places: the flattest and the busiest tenth

BALLOT = """# Which would you rather hang on a wall?

Each picture here, {first} to {last}, shows at the top a photograph and a painting. Below them two pictures, A and B, were
made of that photograph in the manner of that painting; below these are pieces of both at full size, from the same two
places.

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


def by_stem(folder: Path) -> dict[str, Path]:
    """Return the pictures of a folder by their names without suffix."""
    return {name.with_suffix("").as_posix(): path for path, name in find_pictures([folder])}


def pair_sheet(photograph: Pixels, painting: Pixels, a: Pixels, b: Pixels, draw: np.random.Generator) -> Pixels:
    """Return what a viewer sees of a pair, with nothing on it but A and B."""
    places = flattest_and_busiest(resize(photograph, *a.shape[:2]), draw)
    crops = [[crop(pixels, place) for place in places] for pixels in (a, b)]
    rows = [
        [(_within(photograph, SMALL), "photograph"), (_within(painting, SMALL), "painting")],
        [(_within(a, SHOWN), "A"), (_within(b, SHOWN), "B")],
        [(piece, f"{name}, 100 %") for name, pieces in zip("AB", crops, strict=True) for piece in pieces],
    ]
    return laid_out(rows)


def flattest_and_busiest(photograph: Pixels, draw: np.random.Generator) -> list[tuple[float, float]]:
    """Draw a crop's place from the tenth of places with least detail, and one from the tenth with most.

    Returns:
        For each the share of the height and of the width that lies above and left of the crop, of what is not in it.
    """
    fine, coarse = octaves(photograph)[:2]
    detail = fine**2 + np.kron(coarse**2, np.ones((2, 2)))[: fine.shape[0], : fine.shape[1]]
    sides = [min(CROP, side) for side in detail.shape]
    tops, lefts = (np.unique(np.linspace(0, full - side, 9).astype(int)) for full, side in zip(detail.shape, sides))
    places = list(itertools.product(tops, lefts))
    found = [detail[top : top + sides[0], left : left + sides[1]].mean() for top, left in places]
    order, count = np.argsort(found, kind="stable"), max(1, round(_EXTREME * len(places)))
    free = [max(1, full - side) for full, side in zip(detail.shape, sides, strict=True)]
    chosen = [places[draw.choice(some)] for some in (order[:count], order[-count:])]
    return [(float(top / free[0]), float(left / free[1])) for top, left in chosen]


def crop(pixels: Pixels, place: tuple[float, float]) -> Pixels:
    """Return the crop of a picture at a place, as `flattest_and_busiest` returns it, pixel for pixel."""
    sides = [min(CROP, side) for side in pixels.shape[:2]]
    top, left = (round(share * (full - side)) for share, full, side in zip(place, pixels.shape, sides, strict=False))
    return pixels[top : top + sides[0], left : left + sides[1]]


def _within(pixels: Pixels, longer_side: int) -> Pixels:
    return fit(pixels, longer_side) if max(pixels.shape[:2]) > longer_side else pixels


def laid_out(rows: Sequence[Sequence[tuple[Pixels, str]]]) -> Pixels:
    """Return rows of pictures on white, each under its label, none resampled; every row is spread over the width."""
    width = max(sum(pixels.shape[1] + MARGIN for pixels, _ in row) + MARGIN for row in rows)
    heights = [LINE + MARGIN + max(pixels.shape[0] for pixels, _ in row) for row in rows]
    sheet = Image.new("RGB", (width, sum(heights) + MARGIN), "white")
    draw, font, top = ImageDraw.Draw(sheet), ImageFont.load_default(18), MARGIN
    for row, height in zip(rows, heights, strict=True):
        for number, (pixels, label) in enumerate(row):
            middle = width * (number + 0.5) / len(row)
            draw.text((middle, top + LINE / 2), label, fill="black", font=font, anchor="mm")
            sheet.paste(Image.fromarray(pixels), (round(middle - pixels.shape[1] / 2), top + LINE))
        top += height
    return np.asarray(sheet)


def open_envelope(args: argparse.Namespace) -> None:
    """Count the ballots, write the results and print them."""
    envelope = read_envelope(args.envelope)
    ballots = {path.stem: read_ballot(path, envelope["pairs"]) for path in args.ballots}
    results = counted(envelope, ballots)
    write_json(args.output, results)
    print(table(results))


def read_envelope(path: Path) -> dict[str, Any]:
    """Read what `make` wrote."""
    try:
        envelope = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as an envelope ({error}); expected the file of `make`") from error
    if envelope.get("format") != FORMAT:
        raise ConfigError(f"{path}: its format is {envelope.get('format')}, expected {FORMAT}, the file of `make`")
    return envelope


def read_ballot(path: Path, pairs: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Read a viewer's answers by pair; pairs may be missing, but none may be there twice."""
    found: dict[str, dict[str, str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            answer = dict(json.loads(line))
        except (TypeError, ValueError):
            raise ConfigError(f"{path}, line {number}: no JSON object; expected one line for each pair") from None
        pair, choice = answer.get("pair"), answer.get("choice")
        if pair not in pairs or choice not in CHOICES or pair in found:
            said = f"{path}, line {number}: pair {pair!r}, choice {choice!r}"
            raise ConfigError(f"{said}; expected a pair of the envelope, once, and one of {', '.join(CHOICES)}")
        found[pair] = answer
    return found


def counted(envelope: Mapping[str, Any], ballots: Mapping[str, Mapping[str, Mapping[str, str]]]) -> dict[str, Any]:
    """Return wins, ties and losses of the first source, by style and in all, and each pair with its viewers' words."""
    first, second = envelope["sources"]
    pairs = []
    for name, pair in envelope["pairs"].items():
        sides = {pair[side]: side for side in "AB"}
        votes = {
            viewer: {
                "outcome": outcome(ballot[name]["choice"], sides[first]),
                f"wrong with {first}": ballot[name].get(f"wrong_{sides[first].lower()}", ""),
                f"wrong with {second}": ballot[name].get(f"wrong_{sides[second].lower()}", ""),
            }
            for viewer, ballot in ballots.items()
            if name in ballot
        }
        if votes:
            of_pair = verdict([vote["outcome"] for vote in votes.values()])
            pairs.append({"pair": name, **pair, "outcome": of_pair, "votes": votes})
    groups = defaultdict(list)
    for pair in pairs:
        groups[pair["style"]].append(pair)
    return {
        "sources": [first, second],
        "viewers": {viewer: len(ballot) for viewer, ballot in ballots.items()},
        "agreement": agreement(pairs),
        "in_all": tally(pairs),
        "styles": {style: tally(group) for style, group in sorted(groups.items())},
        "pairs": pairs,
    }


def outcome(choice: str, side: str) -> str:
    """Return what a choice is for the source on `side`."""
    return "ties" if choice == "tie" else "wins" if choice == side else "losses"


def verdict(outcomes: Sequence[str]) -> str:
    """Return what most viewers say of a pair: a tie where as many chose either."""
    lead = outcomes.count("wins") - outcomes.count("losses")
    return "wins" if lead > 0 else "losses" if lead < 0 else "ties"


def tally(pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Count pairs and votes; the share of pairs won or tied with its interval."""
    by_pair = Counter(pair["outcome"] for pair in pairs)
    by_vote = Counter(vote["outcome"] for pair in pairs for vote in pair["votes"].values())
    good = by_pair["wins"] + by_pair["ties"]
    return {
        "pairs": {name: by_pair[name] for name in OUTCOMES},
        "votes": {name: by_vote[name] for name in OUTCOMES},
        "won_or_tied": good / len(pairs) if pairs else None,
        "interval": wilson(good, len(pairs)),
    }


def wilson(good: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, `good` of `count` [Wilson1927]; 0 to 1 where nothing was counted."""
    if not count:
        return 0.0, 1.0
    share, square = good / count, Z**2 / count
    centre = share + square / 2
    spread = (square * (share * (1 - share) + square / 4)) ** 0.5
    return max(0.0, (centre - spread) / (1 + square)), min(1.0, (centre + spread) / (1 + square))


def agreement(pairs: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the share of the same answers among all pairs of viewers of one pair; None where no two saw one."""
    same = [
        one["outcome"] == other["outcome"]
        for pair in pairs
        for one, other in itertools.combinations(pair["votes"].values(), 2)
    ]
    return sum(same) / len(same) if same else None


def table(results: Mapping[str, Any]) -> str:
    """Lay the results out as a Markdown table, with a line on the viewers."""
    first, second = results["sources"]
    lines = [f"| {first} against {second} | pairs won, tied, lost | won or tied | 95 % | votes won, tied, lost |"]
    lines += ["| --- | ---: | ---: | ---: | ---: |"]
    for name, row in [*results["styles"].items(), ("in all", results["in_all"])]:
        pairs, votes = (", ".join(str(row[kind][outcome]) for outcome in OUTCOMES) for kind in ("pairs", "votes"))
        share = "-" if row["won_or_tied"] is None else f"{row['won_or_tied']:.0%}"
        low, high = row["interval"]
        lines.append(f"| {name} | {pairs} | {share} | {low:.0%} to {high:.0%} | {votes} |")
    viewers = ", ".join(f"{name} ({count} pairs)" for name, count in results["viewers"].items())
    agreed = "" if results["agreement"] is None else f" Two of them said the same in {results['agreement']:.0%}."
    return "\n".join([*lines, "", f"Viewers: {viewers}.{agreed}"])


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
    making.add_argument("--painting", type=named, nargs="+", required=True, metavar="NAME=FILE")
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
