"""Several styles in one picture and in one pass: each norm's scale and shift change from place to place.

A style is nothing but the scales and shifts of a network's norms. So where masks say which style is wanted where, each
norm gets a map of scales and one of shifts, mixed of those of the styles, in place of one number a channel. Statistics
are of the whole picture, and the strokes of one style run into those of the next: there is no seam to hide.

A file has no input for masks. Its graph is rewritten here: each norm norms only, and a multiplication and an addition
follow, of what a convolution of 1x1 makes of the masks, which are brought to the size of the norm's tensor first.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, helper, numpy_helper
from onnxruntime import InferenceSession, RunOptions

from fast_nst.errors import ModelError, first_line
from fast_nst.images import Pixels
from fast_nst.inference.stylizer import MIN_SIDE, mirrored
from fast_nst.large.graph import Norm, StyleGraph
from fast_nst.large.probe import CONTENT, PASTICHE, Shape
from fast_nst.large.store import Store

Maps = npt.NDArray[np.float32]
_BAND = 64  # rows of a map that are made at a time


class RegionMasks(Protocol):
    """Which region is where, for a picture of any size."""

    def rows(self, top: int, bottom: int, width: int, height: int) -> Maps:
        """Return rows of the masks of all K regions, `(K, bottom - top, width)` in [0, 1]; they sum to 1 everywhere."""


class RegionGraph(StyleGraph):
    """A style file whose norms take masks of regions, as inputs called `maps/...`, one for each size of tensors.

    Args:
        path: a network of many styles under the model contract.
        regions: what the file's inputs beside `content` are given in each region.

    Raises:
        ModelError: if the file cannot be read.
    """

    def __init__(self, path: Path, regions: Sequence[Mapping[str, np.ndarray]]) -> None:
        super().__init__(path, regions[0])
        others = [StyleGraph(path, controls) for controls in regions[1:]]
        rows = [self._rows_of(graph.norms, graph) for graph in (self, *others)]  # before the nodes change
        self.maps: dict[str, str] = {}
        """A tensor of the size of each kind of map, by the map's name."""
        nodes = []
        for node in self.nodes:
            number = next((n for n, norm in enumerate(self.norms) if norm.node is node), None)
            nodes += [node] if number is None else self._by_map(number, [row[number] for row in rows])
        self.nodes = nodes
        self.makers = {output: node for node in self.nodes for output in node.output}
        self.stages = self._count_stages()

    def rows(self, name: str, height: int) -> int:
        """Return the rows of a tensor, or a map, of a picture of `height` rows."""
        return super().rows(self.maps.get(name, name), height)

    def maps_at(self, name: str, masks: RegionMasks, height: int, width: int) -> Iterator[tuple[int, Maps]]:
        """Bring the masks of the regions of a picture to the size of a kind of map, some of its rows at a time.

        Each value is the mean of the pixels that one of the map's lies over; beyond the border the masks go on as at
        their rim.

        Yields:
            A row of the map, and `(K, rows, columns)` from there on.
        """
        shape = self.shapes[name]
        rows, columns = self.rows(name, height), self.rows(name, width)  # down and across, networks are alike
        before = shape.rows_more * shape.rows_per // 2  # px of the margin
        across = (np.arange(columns * shape.rows_per) - before).clip(0, width - 1)
        for first in range(0, rows, _BAND):
            last = min(first + _BAND, rows)
            down = (np.arange(first * shape.rows_per, last * shape.rows_per) - before).clip(0, height - 1)
            seen = masks.rows(int(down[0]), int(down[-1]) + 1, width, height)[:, down - down[0]][:, :, across]
            blocks = seen.reshape(len(seen), last - first, shape.rows_per, columns, shape.rows_per)
            yield first, blocks.mean((2, 4), dtype=np.float32).astype(shape.kind)

    @staticmethod
    def _rows_of(norms: Sequence[Norm], graph: StyleGraph) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the scales and shifts of each norm."""
        return [
            tuple(numpy_helper.to_array(graph.initializers[name]).astype(np.float32) for name in norm.node.input[1:])  # type: ignore[misc]
            for norm in norms
        ]

    def _by_map(self, number: int, rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[NodeProto]:
        """Return a norm that norms only, and what brings its scales and shifts in from the map."""
        norm = self.norms[number]
        tensor, name = norm.tensor, norm.node.output[0]
        map_name = self._map_like(tensor, len(rows))
        normed, channels = f"{name}/normed", len(rows[0][0])
        unit, zero = (self._constant(f"{name}/{role}", np.full(channels, value, np.float32)) for role, value in _PLAIN)
        plain = helper.make_node(norm.node.op_type, [norm.node.input[0], unit, zero], [normed])
        plain.attribute.extend(norm.node.attribute)
        self.norms[number] = Norm(plain, tensor, norm.group)
        nodes = [plain]
        for role, values in zip(("scale", "shift"), zip(*rows, strict=True), strict=True):
            kernel = np.repeat(np.stack(values, axis=1), norm.group, axis=0)[:, :, None, None]
            weight = self._constant(f"{name}/{role}/weight", kernel.astype(self.shapes[tensor].kind))
            nodes.append(helper.make_node("Conv", [map_name, weight], [f"{name}/{role}"], kernel_shape=[1, 1]))
        nodes.append(helper.make_node("Mul", [normed, f"{name}/scale"], [f"{name}/scaled"]))
        nodes.append(helper.make_node("Add", [f"{name}/scaled", f"{name}/shift"], [name]))
        for made in (made for node in nodes for made in node.output):
            self.shapes[made], self._sizes[made] = self.shapes[name], self._sizes[name]
        return nodes

    def _map_like(self, tensor: str, regions: int) -> str:
        """Return the name of the map that has the size of a tensor."""
        shape, size = self.shapes[tensor], self._sizes[tensor]
        name = f"maps/{shape.rows_per}/{shape.rows_more}"
        if name not in self.maps:
            self.maps[name] = tensor
            count = shape.bytes_per_pixel / shape.kind.itemsize / size[1]
            self.shapes[name] = Shape(shape.axis, shape.rows_per, shape.rows_more, shape.kind, 4 * regions * count)
            self._sizes[name] = (size[0], regions, *size[2:])
            self.given.add(name)
        return name

    def _constant(self, name: str, value: np.ndarray) -> str:
        self.initializers[name] = numpy_helper.from_array(value, name)
        return name


_PLAIN = (("unit", 1.0), ("zero", 0.0))


def paint_piece(
    graph: RegionGraph, session: InferenceSession, pixels: Pixels, masks: RegionMasks, run_options: RunOptions
) -> Pixels:
    """Return the pastiche of `uint8 (H, W, 3)` pixels of any size, in one piece.

    Args:
        graph: the style.
        session: of `graph.cut((), (PASTICHE,), {})`.
        pixels: the photograph.
        masks: of its regions.
        run_options: by which it may be ended.

    Raises:
        ModelError: if the model fails, or is ended.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        padded, (top, left) = mirrored(pixels[None], max(height, MIN_SIDE), max(width, MIN_SIDE))
        larger = paint_piece(graph, session, padded[0], _Mirrored(masks, height, width), run_options)
        return larger[top : top + height, left : left + width]
    feeds = {
        name: np.concatenate([rows for _, rows in graph.maps_at(name, masks, height, width)], axis=1)[None]
        for name in graph.maps
    }
    try:
        (pastiche,) = session.run([PASTICHE], {CONTENT: pixels[None], **feeds}, run_options)
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        raise ModelError(f"{graph.path} failed on {width}x{height} px: {first_line(error)}") from error
    painted: Pixels = pastiche[0]
    return painted


def put_maps(graph: RegionGraph, store: Store, masks: RegionMasks, height: int, width: int) -> None:
    """Put the maps of a picture into a store, where strips find them."""
    for name in graph.maps:
        for first, rows in graph.maps_at(name, masks, height, width):
            store.write(name, first, rows, 1, graph.rows(name, height))


class _Mirrored:
    """Masks of a picture that was mirrored outwards to a size that networks take."""

    def __init__(self, masks: RegionMasks, height: int, width: int) -> None:
        self._whole = masks.rows(0, height, width, height)

    def rows(self, top: int, bottom: int, width: int, height: int) -> Maps:
        padded, _ = mirrored(np.moveaxis(self._whole, 0, -1)[None], height, width)
        return np.moveaxis(padded[0, top:bottom], -1, 0)
