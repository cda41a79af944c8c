"""Draws pictures of each term of the objective, alone and combined, and writes a section with them into `terms.md`.

    python docs/draw_terms.py PHOTO PAINTING WORK_DIR --loss-network FILE

WORK_DIR keeps each pastiche, so that a run that was broken off goes on. The section stands between two marks of the
page, which a reader does not see.
"""

import argparse
import statistics
import time
from pathlib import Path

from torch import Tensor

from fast_nst.gatys import GatysConfig, settled
from fast_nst.images import Picture, Pixels, atomic_path, fit, read_pixels, write_picture
from fast_nst.inference.sheet import captioned_sheet
from fast_nst.perceptual import Objective, ObjectiveConfig, to_image
from fast_nst.perceptual.config import CONTENT_TERMS, STYLE_TERMS
from fast_nst.sweep import Cell, Sweep

DOCS = Path(__file__).parent
PAGE, BEGIN, END = DOCS / "terms.md", "<!-- pictures: begin -->", "<!-- pictures: end -->"
SIZE, STEPS = 256, 120
CELL = 300  # px, width of a picture on a sheet
ROUNDS = 7  # of timing, a step of the terms and one of the default ones in turns
DEFAULT = ("features", "gram")

SECTION = """
## Pictures

A photograph and a painting, from noise, by {steps} steps of L-BFGS at {size} px, without tone and hue: whatever is to
be seen, the term has brought. First the terms of content alone:

![The photograph, the painting, and what each content term brings back from noise](pictures/terms-content.jpg)

The terms of style alone, with total variation and nothing that knows the photograph:

![What each style term makes of noise](pictures/terms-style.jpg)

Both together: each content term with `gram`, each style term with `features`, and a mixture.

![Content and style terms combined](pictures/terms-combined.jpg)

`docs/draw_terms.py` drew them, judged by {judge}, and wrote this table: the weights that were found (content, style),
what a step takes beside one of `features` and `gram` ({rounds} of each in turns, median ratio), and the structural
similarity of the pastiche to the photograph.

{table}
"""

Terms = tuple[str | None, str | None]
"""What content and style mean, as `--content-terms` and `--style-terms` have it; None leaves the term out."""

SHEETS: dict[str, list[Terms]] = {
    "content": [(term, None) for term in CONTENT_TERMS],
    "style": [(None, term) for term in STYLE_TERMS],
    "combined": [
        *((term, "gram") for term in CONTENT_TERMS),
        *(("features", term) for term in STYLE_TERMS if term != "gram"),
        ("features,ssim", "gram,sliced_wasserstein"),
    ],
}


def configuration(terms: Terms, loss_network: str) -> GatysConfig:
    """Return a run from noise, so that whatever is seen comes from the terms."""
    content, style = terms
    chosen = {
        **({"content_terms": dict.fromkeys(content.split(","), 1.0)} if content else {"content_weight": 0.0}),
        **({"style_terms": dict.fromkeys(style.split(","), 1.0)} if style else {"style_weight": 0.0}),
    }
    return GatysConfig(
        steps=STEPS,
        size=SIZE,
        start_size=0,
        init="noise",
        device="cpu",
        objective=ObjectiveConfig(loss_network=loss_network, tone_weight=0.0, hue_weight=0.0, **chosen),
    )


class Gallery:
    """Every pastiche, and what judges it."""

    def __init__(self, photograph: Path, painting: Path, folder: Path, loss_network: str) -> None:
        self.loss_network = loss_network
        self.cells: dict[Terms, Cell] = {}
        base = GatysConfig(size=SIZE, device="cpu", objective=ObjectiveConfig(loss_network=loss_network))
        self.sweep = Sweep(photograph, [painting], base, folder)

    def cell(self, terms: Terms) -> Cell:
        """Return the run of these terms, its weights balanced."""
        if terms not in self.cells:
            config = settled(configuration(terms, self.loss_network), self.sweep.content, self.sweep.styles)
            self.cells[terms] = Cell({"content": terms[0] or "none", "style": terms[1] or "none"}, config)
        return self.cells[terms]

    def pastiche(self, terms: Terms) -> Pixels:
        """Return the picture, painted now or before."""
        cell = self.cell(terms)
        if self.sweep.stored(cell) is None:
            result = self.sweep.run(cell)
            print(f"{cell}: {result.losses}, {result.seconds:.0f} s", flush=True)
        return self.sweep.picture(cell)

    def objective(self, terms: Terms) -> Objective:
        """Return what judges by these terms."""
        config = self.cell(terms).config.objective
        return Objective(config, *(to_image(fit(style, config.style_size)) for style in self.sweep.styles))


def step_seconds(objective: Objective, image: Tensor) -> float:
    """Return what one evaluation takes, with its gradient."""
    targets, pastiche = objective.content_targets(image), image.flip(3).requires_grad_()
    began = time.perf_counter()
    objective(pastiche, targets).total.sum().backward()
    return time.perf_counter() - began


def main() -> None:
    """Paint what is not there yet, draw the sheets, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("photograph", "painting", "folder"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--loss-network", default="auto")
    args = parser.parse_args()
    gallery = Gallery(args.photograph, args.painting, args.folder, args.loss_network)
    for name, listed in SHEETS.items():
        drawn = [(gallery.pastiche(terms), caption(terms)) for terms in listed]
        head = [(fit(read_pixels(path), SIZE), (label,)) for path, label in originals(args)]
        rows = [*([head] if name == "content" else []), *(drawn[at : at + 4] for at in range(0, len(drawn), 4))]
        sheet = captioned_sheet(rows, cell_width=CELL)
        write_picture(DOCS / "pictures" / f"terms-{name}.jpg", Picture(sheet), quality=88, overwrite=True)
    write_section(gallery)


def originals(args: argparse.Namespace) -> list[tuple[Path, str]]:
    """Return the two pictures that it begins with."""
    return [(args.photograph, "the photograph"), (args.painting, "the painting")]


def caption(terms: Terms) -> tuple[str, ...]:
    """Name the terms on two lines."""
    return tuple(f"{kind}: {term}" for kind, term in zip(("content", "style"), terms, strict=True) if term)


def write_section(gallery: Gallery) -> None:
    """Write the section: what each combination costs and reaches, each step timed in turns with the default's."""
    lines = [
        "| content | style | balanced weights | a step takes | SSIM to the photograph |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    default, image = gallery.objective(DEFAULT), to_image(fit(gallery.sweep.content, SIZE))
    for terms in [terms for listed in SHEETS.values() for terms in listed]:
        cell, own = gallery.cell(terms), gallery.objective(terms)
        result, objective = gallery.sweep.stored(cell), cell.config.objective
        assert result is not None
        ratio = statistics.median(step_seconds(own, image) / step_seconds(default, image) for _ in range(ROUNDS))
        weights = f"{objective.content_weight:g}, {objective.style_weight:g}"
        names = " | ".join((term or "").replace(",", ", ") for term in terms)
        lines.append(f"| {names} | {weights} | {ratio:.2f} x | {result.ssim:.2f} |")
    judge = Path(gallery.loss_network).stem if gallery.loss_network != "auto" else objective.resolved().loss_network
    told = {"steps": STEPS, "size": SIZE, "rounds": ROUNDS, "judge": judge, "table": "\n".join(lines)}
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    with atomic_path(PAGE) as temporary:
        temporary.write_text(f"{before}{BEGIN}\n{SECTION.format(**told)}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
