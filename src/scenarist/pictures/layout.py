"""Layout of a graph in layers from left to right, with few crossings and short edges.

The steps are those of Sugiyama, Tagawa and Toda (1981): layers, order within each layer,
coordinates. An edge over several layers has a bend in each, so that it passes between the boxes.
"""

import itertools
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)

_SWEEPS = 12
_BEND_WEIGHT = 8.0
"""The weight of a bend relative to a box: straight edges matter more than centred boxes."""


@dataclass(frozen=True, slots=True)
class Size:
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Box:
    """Centre and size of a box or bend."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Layout(Generic[KeyT]):
    """Coordinates of all boxes and edges.

    Args:
        edges: For each edge, its bends between the two boxes.
    """

    boxes: Mapping[KeyT, Box]
    edges: Mapping[tuple[KeyT, KeyT], Sequence[Box]]
    width: float
    height: float


_LayerPoint = tuple[str, Hashable, int]
"""A point in a layer: a box, or a bend of an edge."""


def lay_out(
    sizes: Mapping[KeyT, Size],
    edges: Sequence[tuple[KeyT, KeyT]],
    *,
    gap: Size,
) -> Layout[KeyT]:
    """Lay out boxes whose edges form no cycle.

    Args:
        sizes: The sizes of the boxes, in declaration order.
        edges: The edges: from which box to which.
        gap: The space between layers, and between the boxes in a layer.
    """
    layer_of = _assign_layers(list(sizes), edges)
    chains = {edge: _make_chain(edge, layer_of) for edge in dict.fromkeys(edges)}
    layers = _fill_layers(sizes, layer_of, chains.values())
    links = [pair for chain in chains.values() for pair in itertools.pairwise(chain)]
    _order_layers(layers, links)
    heights = {point: sizes[point[1]].height if point[0] == "box" else 0.0  # type: ignore[index]
               for layer in layers for point in layer}  # fmt: skip
    middles = _compute_centres(layers, links, heights, gap.height)
    widths = [
        max((sizes[point[1]].width for point in layer if point[0] == "box"), default=0.0)  # type: ignore[index]
        for layer in layers
    ]
    lefts = [sum(widths[:at]) + at * gap.width for at in range(len(layers))]

    def spot(point: _LayerPoint) -> Box:
        at = point[2]
        return Box(lefts[at] + widths[at] / 2, middles[point], widths[at], heights[point])

    return Layout(
        boxes={
            key: Box(
                lefts[layer_of[key]] + widths[layer_of[key]] / 2,
                middles["box", key, layer_of[key]],
                size.width,
                size.height,
            )
            for key, size in sizes.items()
        },
        edges={edge: [spot(point) for point in chain[1:-1]] for edge, chain in chains.items()},
        width=sum(widths) + gap.width * max(len(layers) - 1, 0),
        height=max((middles[point] + heights[point] / 2 for point in middles), default=0.0),
    )


def _assign_layers(keys: Sequence[KeyT], edges: Sequence[tuple[KeyT, KeyT]]) -> dict[KeyT, int]:
    """Return the layer number of each box: after all its predecessors.

    A box without predecessors is placed right before the first of its successors.
    """
    before: dict[KeyT, list[KeyT]] = {key: [] for key in keys}
    after: dict[KeyT, list[KeyT]] = {key: [] for key in keys}
    for start, end in edges:
        before[end].append(start)
        after[start].append(end)
    layer_of: dict[KeyT, int] = {}
    for key in TopologicalSorter(before).static_order():
        layer_of[key] = max((layer_of[other] + 1 for other in before[key]), default=0)
    for key in keys:
        if not before[key] and after[key]:
            layer_of[key] = min(layer_of[other] for other in after[key]) - 1
    return layer_of


def _make_chain(edge: tuple[KeyT, KeyT], layer_of: Mapping[KeyT, int]) -> list[_LayerPoint]:
    start, end = edge
    bends: list[_LayerPoint] = [
        ("bend", edge, layer) for layer in range(layer_of[start] + 1, layer_of[end])
    ]
    return [("box", start, layer_of[start]), *bends, ("box", end, layer_of[end])]


def _fill_layers(
    keys: Iterable[KeyT], layer_of: Mapping[KeyT, int], chains: Iterable[Sequence[_LayerPoint]]
) -> list[list[_LayerPoint]]:
    points: dict[_LayerPoint, None] = {("box", key, layer_of[key]): None for key in keys}
    for chain in chains:
        points.update(dict.fromkeys(chain))
    layers: list[list[_LayerPoint]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    for point in points:
        layers[point[2]].append(point)
    return layers


def _find_neighbours(
    links: Iterable[tuple[_LayerPoint, _LayerPoint]],
) -> tuple[dict[_LayerPoint, list[_LayerPoint]], dict[_LayerPoint, list[_LayerPoint]]]:
    before: dict[_LayerPoint, list[_LayerPoint]] = defaultdict(list)
    after: dict[_LayerPoint, list[_LayerPoint]] = defaultdict(list)
    for start, end in links:
        before[end].append(start)
        after[start].append(end)
    return before, after


def _order_layers(
    layers: list[list[_LayerPoint]], links: Sequence[tuple[_LayerPoint, _LayerPoint]]
) -> None:
    """Sort each layer so that few edges cross: repeatedly, by the positions of the neighbours."""
    before, after = _find_neighbours(links)
    best = [list(layer) for layer in layers]
    fewest = _count_crossings(layers, after)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        rightwards = sweep % 2 == 0
        near = before if rightwards else after
        for fixed, layer in itertools.pairwise(layers if rightwards else layers[::-1]):
            _sort_by_neighbours(layer, near, {point: at for at, point in enumerate(fixed)})
        count = _count_crossings(layers, after)
        if count < fewest:
            fewest, best = count, [list(layer) for layer in layers]
    for layer, kept in zip(layers, best, strict=True):
        layer[:] = kept


def _sort_by_neighbours(
    layer: list[_LayerPoint],
    neighbours: Mapping[_LayerPoint, list[_LayerPoint]],
    positions: Mapping[_LayerPoint, int],
) -> None:
    own = {point: at for at, point in enumerate(layer)}

    def target_of(point: _LayerPoint) -> float:
        found = [positions[other] for other in neighbours.get(point, ())]
        return sum(found) / len(found) if found else own[point]

    layer.sort(key=target_of)


def _count_crossings(
    layers: Sequence[list[_LayerPoint]], after: Mapping[_LayerPoint, list[_LayerPoint]]
) -> int:
    count = 0
    for layer, following in itertools.pairwise(layers):
        positions = {point: at for at, point in enumerate(following)}
        passed: list[int] = []
        for point in layer:
            for end in sorted(positions[other] for other in after.get(point, ())):
                count += len(passed) - bisect_right(passed, end)
                insort(passed, end)
    return count


def _compute_centres(
    layers: Sequence[list[_LayerPoint]],
    links: Sequence[tuple[_LayerPoint, _LayerPoint]],
    heights: Mapping[_LayerPoint, float],
    gap: float,
) -> dict[_LayerPoint, float]:
    """Return vertical centres: near the neighbours, in order, and with gaps in between."""
    before, after = _find_neighbours(links)
    middles = {point: 0.0 for layer in layers for point in layer}
    for layer in layers:
        _align_layer(layer, middles, middles.__getitem__, heights, gap)
    for sweep in range(_SWEEPS):
        rightwards = sweep % 2 == 0
        near = before if rightwards else after

        def target_of(
            point: _LayerPoint, near: Mapping[_LayerPoint, list[_LayerPoint]] = near
        ) -> float:
            found = [middles[other] for other in near.get(point, ())]
            return sum(found) / len(found) if found else middles[point]

        for layer in layers if rightwards else reversed(layers):
            _align_layer(layer, middles, target_of, heights, gap)
    top = min((middles[point] - heights[point] / 2 for point in middles), default=0.0)
    return {point: middle - top for point, middle in middles.items()}


def _align_layer(
    layer: Sequence[_LayerPoint],
    middles: dict[_LayerPoint, float],
    target_of: Callable[[_LayerPoint], float],
    heights: Mapping[_LayerPoint, float],
    gap: float,
) -> None:
    """Move each point of a layer as near to its target as the order and the gaps allow.

    Without the gaps this is a monotone regression: neighbours that would pass each other move
    together, to the mean of their targets.
    """
    offsets = [0.0]
    for upper, lower in itertools.pairwise(layer):
        offsets.append(offsets[-1] + (heights[upper] + heights[lower]) / 2 + gap)
    groups: list[tuple[float, float, int]] = []  # sum of weighted targets, weight, count
    for point, offset in zip(layer, offsets, strict=True):
        weight = _BEND_WEIGHT if point[0] == "bend" else 1.0
        groups.append(((target_of(point) - offset) * weight, weight, 1))
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] > groups[-1][0] / groups[-1][1]:
            last, previous = groups.pop(), groups.pop()
            groups.append(tuple(a + b for a, b in zip(previous, last, strict=True)))  # type: ignore[arg-type]
    shifts = [total / weight for total, weight, count in groups for _ in range(count)]
    for point, shift, offset in zip(layer, shifts, offsets, strict=True):
        middles[point] = shift + offset
