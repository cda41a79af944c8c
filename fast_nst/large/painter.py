"""Paints a picture of any size in strips, with the statistics of the whole of it: the same pixels as in one piece.

`graph` says what a norm cuts, `schedule` which passes are made; here they are made, strip by strip.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import onnxruntime as ort

from fast_nst.inference.stylizer import MIN_SIDE, open_session
from fast_nst.large.graph import ROWS_ABOVE, StyleGraph
from fast_nst.large.probe import PASTICHE
from fast_nst.large.schedule import Pass
from fast_nst.large.statistics import Channels, Moments
from fast_nst.large.store import Array, Store

Tell = Callable[[int], None]


class StripPainter:
    """Takes a picture in a store through the passes.

    Args:
        graph: the style.
        threads: CPU threads; None for all physical cores.
        providers: of ONNX Runtime, full names.
    """

    def __init__(self, graph: StyleGraph, threads: int | None, providers: Sequence[str]) -> None:
        self._graph, self._threads, self._providers = graph, threads, providers

    def paint(self, store: Store, height: int, passes: Sequence[Pass], strip_rows: int, tell: Tell) -> None:
        """Paint the tensor `content` of the store into its tensor `pastiche`, both uint8 `(H, W, 3)`.

        Args:
            store: holds the picture; what is kept between the passes goes there as well.
            height: H; H and W are at least 64 px.
            passes: of this style's schedule.
            strip_rows: rows of a strip, without those that it looks beyond its ends.
            tell: called with the rows of each strip that is done: in all, H times the number of passes. What it raises
                ends the work.

        Raises:
            ModelError: if the model fails.
            OSError: if the store's disk is full.
        """
        statistics: dict[str, tuple[Channels, Channels]] = {}
        for one in passes:
            model = self._graph.cut(one.known, one.wanted, statistics)
            strips = _Strips(self._graph, one, open_session(model, self._threads, self._providers), store, height)
            moments = Moments()
            for top, bottom in cut(height, strip_rows, self._graph.size_multiple):
                for name, rows in strips.make(top, bottom):
                    if name == PASTICHE or name in one.kept:
                        strips.keep(name, rows, top)
                    if name == one.aim != PASTICHE:
                        moments.add(rows)
                tell(bottom - top)
            if one.aim != PASTICHE:
                norm = self._graph.norms[one.norm]
                statistics[norm.node.output[0]] = moments.of_groups(norm.group)
            for name in one.forgotten:
                store.forget(name)


class _Strips:
    """One pass: its model, and where its strips lie in the tensors of the store."""

    def __init__(self, graph: StyleGraph, one: Pass, session: ort.InferenceSession, store: Store, height: int) -> None:
        self._graph, self._pass, self._session, self._store, self._height = graph, one, session, store, height
        self._inputs = [entry.name for entry in session.get_inputs()]
        self._counts_rows = bool(session.get_overridable_initializers())
        self._halo = halo(graph, one)

    def make(self, top: int, bottom: int) -> Iterator[tuple[str, Array]]:
        """Give what the pass makes of the picture's rows from `top` to before `bottom`, without the batch's axis."""
        above, below = max(0, top - self._halo), min(self._height, bottom + self._halo)
        feeds = {name: self._read(name, above, below) for name in self._inputs}
        if self._counts_rows:
            feeds[ROWS_ABOVE] = np.array(above, np.int64)
        for name, tensor in zip(self._pass.wanted, self._session.run(self._pass.wanted, feeds), strict=True):
            shape = self._graph.shapes[name]
            last = None if bottom == self._height else (bottom - above) // shape.rows_per
            rows = slice((top - above) // shape.rows_per, last)
            yield name, tensor[(0, *(slice(None),) * (shape.axis - 1), rows)]

    def _read(self, name: str, top: int, bottom: int) -> Array:
        shape = self._graph.shapes[name]
        last = self._rows(name) if bottom == self._height else bottom // shape.rows_per + shape.rows_more
        return self._store.read(name, top // shape.rows_per, last)[None]

    def keep(self, name: str, rows: Array, top: int) -> None:
        """Write what was made of a strip that begins at `top`."""
        shape = self._graph.shapes[name]
        self._store.write(name, top // shape.rows_per, rows, shape.axis - 1, self._rows(name))

    def _rows(self, name: str) -> int:
        return self._graph.rows(name, self._height)


def halo(graph: StyleGraph, one: Pass) -> int:
    """Return the rows beyond each end of a strip that a pass has to look at, a multiple of the size multiple."""
    reach = graph.reach(graph.between(one.known, one.wanted))
    return -(-reach // graph.size_multiple) * graph.size_multiple


def cut(height: int, strip_rows: int, multiple: int) -> Iterator[tuple[int, int]]:
    """Give the first row of each strip and the one after its last; all but the last end at a multiple of `multiple`.

    Strips are of `strip_rows`, rounded up to such a multiple, and none has less than 64, the least that a style takes.
    """
    rows = -(-max(strip_rows, MIN_SIDE) // multiple) * multiple
    top = 0
    while height - top >= rows + MIN_SIDE:
        yield top, top + rows
        top += rows
    yield top, height
