"""What a style will look like, before an hour is spent: the slow method on a few small photographs.

Few steps on small pictures, from coarse to fine, already show palette, strokes and how much is left of the photograph.
Details differ: a network has the same few strokes for every photograph, the slow method finds new ones for each.
"""

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fast_nst.errors import ImageError
from fast_nst.gatys import GatysConfig, repaint, settled
from fast_nst.images import Picture, Pixels, fit, read_pixels, write_picture
from fast_nst.inference.sheet import contact_sheet
from fast_nst.perceptual import PULL_ON_NETWORK, PULL_ON_PIXELS, ObjectiveConfig
from fast_nst.training.config import TrainConfig
from fast_nst.training.sources import find_photographs, read_photograph

_PHOTOGRAPHS = 3
_SIDE = 256  # px
_STEPS = 32
_THINNEST = 4  # long side by short side: of a thinner photograph, crops show what a preview does not


def write_preview(config: TrainConfig, path: Path, *, seconds: float = 30.0) -> ObjectiveConfig:
    """Write a picture of what the style will do to the first photographs, beside them.

    Args:
        config: the run that is being thought of. A style weight that it gives counts for more here by
            `PULL_ON_PIXELS / PULL_ON_NETWORK`, as the slow method needs.
        path: the picture to write; an existing one is replaced.
        seconds: time to spend on optimising; what is there by then is shown.

    Returns:
        The objective as a training would have it, its weights balanced for the first photograph.

    Raises:
        FastNstError: for a painting, photographs or weights that do not serve.
    """
    styles = [read_pixels(style, max_megapixels=config.max_megapixels) for style in config.style]
    photographs = list(itertools.islice(_readable(config), _PHOTOGRAPHS))
    if not photographs:
        places = ", ".join(config.content_dir)
        raise ImageError(f"no photograph in {places} can be read and is wider than 1:{_THINNEST}")
    run = GatysConfig(steps=_STEPS, size=_SIDE, objective=_for_pixels(config.objective))
    run = replace(settled(run, photographs[0], styles), start_size=None)  # each photograph has a start size of its own
    ends, rows = time.monotonic() + seconds, []
    for number, photograph in enumerate(photographs):
        share = (ends - time.monotonic()) / (len(photographs) - number)
        timed = replace(run, max_minutes=max(share, 1.0) / 60)
        rows.append([fit(photograph, _SIDE), repaint(photograph, styles, timed)[0]])
    titles = ["photograph", f"about what {config.style_name()} does"]
    sheet = contact_sheet(rows, titles, cell_width=2 * _SIDE)
    write_picture(path, Picture(sheet), quality=92, overwrite=True)
    return _for_network(run.objective)


def _for_pixels(objective: ObjectiveConfig) -> ObjectiveConfig:
    """Return what the slow method is to lower, in whatever arithmetic is fast here."""
    objective = replace(objective, loss_arithmetic="auto")
    return _scaled(objective, PULL_ON_PIXELS / PULL_ON_NETWORK)


def _for_network(objective: ObjectiveConfig) -> ObjectiveConfig:
    """Return the objective with the style weight that a training would have, or should be given."""
    return _scaled(objective, PULL_ON_NETWORK / PULL_ON_PIXELS)


def _scaled(objective: ObjectiveConfig, factor: float) -> ObjectiveConfig:
    if objective.style_weight is None or objective.constants != "relative":
        return objective
    return replace(objective, style_weight=float(f"{objective.style_weight * factor:.3g}"))


def _readable(config: TrainConfig) -> Iterator[Pixels]:
    for place in find_photographs(config.content_dir):
        try:
            photograph = read_photograph(place, max_megapixels=config.max_megapixels)
        except ImageError:  # the run leaves it out, too
            continue
        if max(photograph.shape[:2]) <= _THINNEST * min(photograph.shape[:2]):
            yield photograph
