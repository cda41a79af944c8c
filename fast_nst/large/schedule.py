"""Which passes are made over the picture, and which tensors are kept from one to the next.

Each norm takes a pass that ends in its input, to gather its statistics, and a last one paints. A pass may keep what all
later ones are made of (the *frontier* of its norm), at the price of writing and reading it; those after it start there
and not at the picture. Of all ways the cheapest is taken, which is a shortest path over the norms.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from fast_nst.large.graph import StyleGraph
from fast_nst.large.probe import PASTICHE

# Prices are in multiplications of a convolution: so many are done while a byte ...
IN_MEMORY = 50.0
"""... is kept in memory, or read back."""
ON_DISK = 300.0
"""... is written to a disk, or read back."""
_MADE = 10.0  # ... of a tensor is made, by whatever node


@dataclass(frozen=True, slots=True)
class Pass:
    """One way over the picture.

    Attributes:
        norm: number of the norm whose statistics it gathers; for the pass that paints, the number of norms.
        known: the kept tensors it is made of, beside the picture.
        aim: the tensor it makes: the norm's input, or the pastiche.
        kept: what it makes to be kept; the aim may be among it.
        forgotten: what was kept and nobody needs after it.
    """

    norm: int
    known: tuple[str, ...]
    aim: str
    kept: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """All that it makes, the aim first."""
        return (self.aim, *_without(self.kept, (self.aim,)))


def schedule(graph: StyleGraph, price: float) -> list[Pass]:
    """Return the cheapest passes, in order, if a byte is kept at this price: `IN_MEMORY` or `ON_DISK`."""
    return _Scheduler(graph, price).passes()


def held_bytes(graph: StyleGraph, passes: Sequence[Pass]) -> float:
    """Return how much is kept at the fullest moment, in bytes a pixel of the picture."""
    held: set[str] = set()
    most = 0.0
    for one in passes:
        held.update(one.kept)
        most = max(most, _bytes(graph, held))
        held.difference_update(one.forgotten)
    return most


class _Scheduler:
    """The search for the cheapest passes. Pass n is that of norm n; the last one paints."""

    def __init__(self, graph: StyleGraph, price: float) -> None:
        self._graph, self._price = graph, price
        self._aims = [*(norm.tensor for norm in graph.norms), PASTICHE]
        # What pass n may start from, if the pass before it keeps all that is worth it.
        self._frontiers = [(), *(self._frontier(norm) for norm in range(len(graph.norms)))]

    def passes(self) -> list[Pass]:
        """Return the cheapest passes, in order."""
        ends = len(self._aims)
        best: list[tuple[float, int]] = [
            (0.0, 0)
        ]  # cost of the passes before n, and at which of them the last leg began
        for stop in range(1, ends + 1):
            best.append(min((best[start][0] + self._leg(start, stop), start) for start in range(stop)))
        stops = [ends]
        while stops[-1]:
            stops.append(best[stops[-1]][1])
        return [one for start, stop in pairwise(stops[::-1]) for one in self._passes(start, stop)]

    def _leg(self, start: int, stop: int) -> float:
        """Return the cost of the passes from `start` to before `stop`, all from one frontier, if the last keeps its."""
        known = self._frontiers[start]
        cost = sum(self._cost(known, [aim]) for aim in self._aims[start:stop])
        kept = self._kept(start, stop)
        last = self._aims[stop - 1]
        return (
            cost
            + self._cost(known, [last, *kept])
            - self._cost(known, [last])
            + _bytes(self._graph, kept) * self._price
        )

    def _passes(self, start: int, stop: int) -> Iterator[Pass]:
        known = self._frontiers[start]
        for norm in range(start, stop):
            is_last = norm == stop - 1
            kept = self._kept(start, stop) if is_last else ()
            after = self._frontiers[stop] if stop < len(self._aims) else ()
            forgotten = _without(known, after) if is_last else ()
            used = self._used(known, [self._aims[norm], *kept])
            yield Pass(norm, used, self._aims[norm], kept, forgotten)

    def _kept(self, start: int, stop: int) -> tuple[str, ...]:
        return _without(self._frontiers[stop], self._frontiers[start]) if stop < len(self._aims) else ()

    def _frontier(self, norm: int) -> tuple[str, ...]:
        """Return what is worth keeping of a norm's frontier: not what costs less to be made of the picture again."""

        def is_worth(name: str) -> bool:
            return self._cost([], [name]) > 2 * self._price * _bytes(self._graph, [name])

        return tuple(filter(is_worth, self._graph.frontier(norm)))

    def _cost(self, known: Sequence[str], wanted: Sequence[str]) -> float:
        """Return what it costs to make tensors, in multiplications a pixel of the picture."""
        nodes = self._graph.between(known, wanted)
        made = _bytes(self._graph, (name for node in nodes for name in node.output))
        read = _bytes(self._graph, self._used(known, wanted))
        return sum(self._graph.costs[node.output[0]] for node in nodes) + made * _MADE + read * self._price

    def _used(self, known: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
        """Return those of the tensors known that others are made of, or that are wanted themselves."""
        read = {name for node in self._graph.between(known, wanted) for name in node.input} | set(wanted)
        return tuple(name for name in known if name in read)


def _bytes(graph: StyleGraph, names: Iterable[str]) -> float:
    return sum(graph.shapes[name].bytes_per_pixel for name in names if name in graph.shapes)


def _without(names: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in others)
