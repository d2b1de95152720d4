"""SVG pictures of scenario configs: tasks and data nodes as boxes on coloured sequences."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from scenarist.config import DataNodeConfig, ScenarioConfig, TaskConfig
from scenarist.domain.errors import InvalidError
from scenarist.domain.planning import TaskLinks, find_cycle
from scenarist.pictures.layout import Box, Layout, Size, lay_out

_GAP = Size(64, 22)
_HEIGHT = 44.0
_MARGIN = 28.0
_NARROWEST = 96.0
_LETTER = 7.6  # approximate width of a letter at the font size of names
_LONGEST_NAME = 28
_TITLE_HEIGHT = 44.0
_LEGEND_HEIGHT = 26.0
_COLOURS = 8
_STYLE = """
svg { --paper: #ffffff; --ink: #1c2430; --faint: #5d6b7e; --way: #8492a6; --task: #e8eefb;
  --task-edge: #3b5bdb; --node: #ffffff; --node-edge: #8492a6; --ground: 0.2;
  --c0: #0ca678; --c1: #e8590c; --c2: #7048e8; --c3: #c2255c; --c4: #1098ad; --c5: #a17f00;
  --c6: #5c940d; --c7: #9c36b5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
@media (prefers-color-scheme: dark) { svg { --paper: #12161d; --ink: #e6ebf2; --faint: #9aa7b8;
  --way: #5d6b7e; --task: #1d2a4a; --task-edge: #748ffc; --node: #1a2029; --node-edge: #6b7a8f;
  --ground: 0.38; } }
.paper { fill: var(--paper); }
.heading { fill: var(--ink); font-size: 18px; font-weight: 650; }
.beside { fill: var(--faint); font-size: 12px; font-weight: 400; }
.name { fill: var(--ink); font-size: 13px; text-anchor: middle; }
.task .name { font-weight: 600; }
.kind { fill: var(--faint); font-size: 11px; text-anchor: middle; }
.task rect { fill: var(--task); stroke: var(--task-edge); stroke-width: 1.5; }
.node rect { fill: var(--node); stroke: var(--node-edge); stroke-width: 1.2; }
.way { fill: none; stroke: var(--way); stroke-width: 1.5; }
.head { fill: var(--way); }
.ground { opacity: var(--ground); }
.ground path { fill: none; stroke-linecap: round; }
"""
_STYLE += "".join(
    f".c{number} {{ fill: var(--c{number}); stroke: var(--c{number}); }}\n"
    for number in range(_COLOURS)
)

_Key = tuple[str, str]
"""``task`` or ``node``, and the id of the config: a task and a data node may share an id."""


@dataclass(frozen=True, kw_only=True)
class _Graph:
    """A scenario config and its layout."""

    config: ScenarioConfig
    layout: Layout[_Key]

    @property
    def sequences(self) -> list[tuple[int, str, Sequence[TaskConfig]]]:
        """The sequences in order: number, name, tasks."""
        return [
            (number, name, tasks)
            for number, (name, tasks) in enumerate(self.config.sequences.items())
        ]

    @property
    def top(self) -> float:
        """The height of what is drawn above the boxes."""
        return _TITLE_HEIGHT + (_LEGEND_HEIGHT if self.config.sequences else 0.0) + 14

    @property
    def width(self) -> float:
        legend = sum(map(_measure_chip, self.config.sequences))
        heading = len(self.config.id) * 11.0 + 160
        return max(self.layout.width, legend, heading) + 2 * _MARGIN

    @property
    def height(self) -> float:
        return self.top + self.layout.height + 2 * _MARGIN


def draw(configs: Sequence[ScenarioConfig]) -> str:
    """Return a picture of scenario configs, one below the other, as the text of an SVG file.

    Raises:
        InvalidError: The tasks of a scenario config form a cycle.
    """
    graphs = [_lay_out_graph(config) for config in configs]
    width = max((graph.width for graph in graphs), default=1.0)
    height = sum(graph.height for graph in graphs) or 1.0
    root = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width:g} {height:g}",
            "width": f"{width:g}",
            "height": f"{height:g}",
            "role": "img",
            "aria-labelledby": "title description",
        },
    )
    names = ", ".join(config.id for config in configs)
    _add_text(root, "title", f"Scenario configs: {names}", id="title")
    description = " ".join(sentence for config in configs for sentence in _describe(config))
    _add_text(root, "desc", description, id="description")
    _add_text(root, "style", _STYLE)
    SubElement(root, "rect", {"class": "paper", "width": f"{width:g}", "height": f"{height:g}"})
    top = 0.0
    for graph in graphs:
        _draw_graph(SubElement(root, "g", {"transform": f"translate(0 {top:g})"}), graph)
        top += graph.height
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _lay_out_graph(config: ScenarioConfig) -> _Graph:
    links = [
        TaskLinks(
            task.id,
            tuple(node.id for node in task.inputs),
            tuple(node.id for node in task.outputs),
        )
        for task in config.tasks
    ]
    cycle = find_cycle(links)
    if cycle is not None:
        raise InvalidError(
            f"scenario config {config.id}: its tasks form a cycle, {' → '.join(cycle)}"
        )
    sizes: dict[_Key, Size] = {}
    edges: list[tuple[_Key, _Key]] = []
    for task in config.tasks:
        key = ("task", task.id)
        for node in task.inputs:
            sizes.setdefault(("node", node.id), _measure_box(node.id, _describe_node(node)))
            edges.append((("node", node.id), key))
        sizes[key] = _measure_box(task.id, _describe_task(task))
        for node in task.outputs:
            sizes.setdefault(("node", node.id), _measure_box(node.id, _describe_node(node)))
            edges.append((key, ("node", node.id)))
    for node in config.additional_data_nodes:
        sizes.setdefault(("node", node.id), _measure_box(node.id, _describe_node(node)))
    return _Graph(config=config, layout=lay_out(sizes, edges, gap=_GAP))


def _draw_graph(parent: Element, graph: _Graph) -> None:
    config, boxes = graph.config, graph.layout.boxes
    heading = _add_text(
        parent, "text", config.id, x=_MARGIN, y=_MARGIN + 12, **{"class": "heading"}
    )
    _add_text(heading, "tspan", _summarize(config), dx=12, **{"class": "beside"})
    _draw_legend(parent, graph)
    body = SubElement(parent, "g", {"transform": f"translate({_MARGIN:g} {graph.top + 14:g})"})
    # Smaller sequences are drawn on top of larger ones.
    for number, name, tasks in sorted(graph.sequences, key=lambda sequence: -len(sequence[2])):
        _draw_background(body, graph, number, name, tasks)
    for (start, end), bends in graph.layout.edges.items():
        _draw_edge(body, boxes[start], bends, boxes[end])
    for node in config.data_nodes:
        _draw_box(body, boxes["node", node.id], node.id, _describe_node(node), is_task=False)
    for task in config.tasks:
        _draw_box(body, boxes["task", task.id], task.id, _describe_task(task), is_task=True)


def _draw_legend(parent: Element, graph: _Graph) -> None:
    x, y = _MARGIN, _MARGIN + 30
    for number, name, tasks in graph.sequences:
        chip = SubElement(parent, "g")
        _add_text(chip, "title", f"sequence {name}: {', '.join(task.id for task in tasks)}")
        SubElement(
            chip,
            "rect",
            _number_attributes(x=x, y=y - 10, width=14, height=14, rx=4)
            | {"class": f"c{_colour_of(number)}"},
        )
        _add_text(chip, "text", _shorten(name), x=x + 20, y=y + 1, **{"class": "beside"})
        x += _measure_chip(name)


def _draw_background(
    parent: Element, graph: _Graph, number: int, name: str, tasks: Sequence[TaskConfig]
) -> None:
    """Colour the background of a sequence: its tasks and the data nodes between them."""
    boxes, edges = graph.layout.boxes, graph.layout.edges
    written = {node.id for task in tasks for node in task.outputs}
    between = {node.id for task in tasks for node in task.inputs if node.id in written}
    keys = [("task", task.id) for task in tasks] + [("node", id) for id in sorted(between)]
    pad = 12.0 - 3.0 * (number % 3)
    ground = SubElement(parent, "g", {"class": f"ground c{_colour_of(number)}"})
    _add_text(ground, "title", f"sequence {name}")
    for key in keys:
        spot = boxes[key]
        SubElement(
            ground, "rect", _rectangle_attributes(spot, pad) | {"rx": "16", "stroke": "none"}
        )
    for (start, end), bends in edges.items():
        if start in keys and end in keys:
            path = _make_path(boxes[start], bends, boxes[end], arrow=0)
            SubElement(ground, "path", {"d": path, "stroke-width": f"{2 * pad:g}"})


def _draw_edge(parent: Element, start: Box, bends: Sequence[Box], end: Box) -> None:
    SubElement(parent, "path", {"class": "way", "d": _make_path(start, bends, end, arrow=7)})
    x, y = end.x - end.width / 2, end.y
    head = f"M{x:.1f} {y:.1f}l-8 -4.5v9z"
    SubElement(parent, "path", {"class": "head", "d": head})


def _draw_box(parent: Element, spot: Box, name: str, kind: str, *, is_task: bool) -> None:
    box = SubElement(parent, "g", {"class": "task" if is_task else "node"})
    _add_text(box, "title", f"{'task' if is_task else 'data node'} {name}: {kind}")
    SubElement(
        box, "rect", _rectangle_attributes(spot, 0) | {"rx": "7" if is_task else f"{_HEIGHT / 2:g}"}
    )
    _add_text(box, "text", _shorten(name), x=spot.x, y=spot.y - 2, **{"class": "name"})
    _add_text(box, "text", _shorten(kind), x=spot.x, y=spot.y + 13, **{"class": "kind"})


def _make_path(start: Box, bends: Sequence[Box], end: Box, *, arrow: float) -> str:
    """Return the path of an edge from the right side of one box to the left side of the other.

    Args:
        arrow: How far before the second box it ends.
    """
    x, y = start.x + start.width / 2, start.y
    parts = [f"M{x:.1f} {y:.1f}"]
    stops = [(bend.x - bend.width / 2, bend.x + bend.width / 2, bend.y) for bend in bends]
    stops.append((end.x - end.width / 2 - arrow, 0.0, end.y))
    for left, right, middle in stops:
        half = (left - x) / 2
        parts.append(
            f"C{x + half:.1f} {y:.1f} {left - half:.1f} {middle:.1f} {left:.1f} {middle:.1f}"
        )
        if right:
            parts.append(f"H{right:.1f}")
        x, y = right, middle
    return "".join(parts)


def _describe(config: ScenarioConfig) -> Iterable[str]:
    """Describe the picture in words, for screen readers."""
    yield f"Scenario config {config.id}: {_summarize(config)}."
    for task in config.tasks:
        reads = ", ".join(node.id for node in task.inputs) or "nothing"
        writes = ", ".join(node.id for node in task.outputs) or "nothing"
        yield f"Task {task.id} reads {reads} and writes {writes}."
    for name, tasks in config.sequences.items():
        yield f"Sequence {name} has {', '.join(task.id for task in tasks) or 'no tasks'}."


def _summarize(config: ScenarioConfig) -> str:
    counts = [
        _format_count(len(config.tasks), "task"),
        _format_count(len(config.data_nodes), "data node"),
    ]
    return " · ".join([*counts, *([config.frequency.lower()] if config.frequency else [])])


def _format_count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _describe_task(task: TaskConfig) -> str:
    return task.function.rpartition(":")[2] or "without a function"


def _describe_node(node: DataNodeConfig) -> str:
    return node.storage_type + ("" if node.scope == "SCENARIO" else f" · {node.scope.lower()}")


def _measure_box(name: str, kind: str) -> Size:
    width = max(
        _measure_text(_shorten(name)) * _LETTER, _measure_text(_shorten(kind)) * _LETTER * 0.85
    )
    return Size(max(width + 32, _NARROWEST), _HEIGHT)


def _measure_text(text: str) -> int:
    """Return the width of a text in letters; East Asian wide letters count twice."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _measure_chip(name: str) -> float:
    return 44 + _measure_text(_shorten(name)) * 6.6


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"


def _colour_of(number: int) -> int:
    return number % _COLOURS


def _rectangle_attributes(spot: Box, pad: float) -> dict[str, str]:
    return _number_attributes(
        x=spot.x - spot.width / 2 - pad,
        y=spot.y - spot.height / 2 - pad,
        width=spot.width + 2 * pad,
        height=spot.height + 2 * pad,
    )


def _number_attributes(**values: float) -> dict[str, str]:
    return {name: f"{value:.1f}".removesuffix(".0") for name, value in values.items()}


def _add_text(parent: Element, tag: str, text: str, **attributes: object) -> Element:
    """Add an element with a text; replace characters that cannot be displayed by U+FFFD."""
    element = SubElement(
        parent,
        tag,
        {
            name: f"{value:g}" if isinstance(value, float | int) else str(value)
            for name, value in attributes.items()
        },
    )
    element.text = "".join(
        letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}"
        for letter in text
    )
    return element
