"""The layout of the graph: what holds for every graph, whatever it looks like."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from browsers import needs_browser
from console_pages import Console, OpenConsole
from servers import StartedServer

pytestmark = [pytest.mark.e2e, needs_browser]

LAY_OUT = """async ([module, boxes, edges, direction]) => {
  const { layOut } = await import(module);
  const plan = layOut(boxes, edges, direction);
  return {...plan, boxes: Object.fromEntries(plan.boxes)};
}"""


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[list[str]]]:
    count = draw(st.integers(1, 25))
    sizes = draw(st.lists(st.integers(20, 200), min_size=2 * count, max_size=2 * count))
    boxes = [
        {"id": f"b{number}", "width": sizes[2 * number], "height": sizes[2 * number + 1]}
        for number in range(count)
    ]
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    drawn = draw(st.sets(pairs, max_size=40))
    return boxes, [[f"b{low}", f"b{high}"] for low, high in sorted(drawn) if low < high]


@pytest.fixture
def console(server: StartedServer, open_console: OpenConsole) -> Console:
    return open_console(server)


@pytest.mark.parametrize("direction", ["LR", "TB"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=graphs())
def test_no_two_boxes_overlap_and_every_edge_goes_along_the_flow(
    console: Console, direction: str, graph: tuple[list[dict[str, Any]], list[list[str]]]
) -> None:
    boxes, edges = graph
    page = console.page
    module = page.locator('link[rel="modulepreload"][href$="/layout.js"]').get_attribute("href")

    plan = page.evaluate(LAY_OUT, [module, boxes, edges, direction])

    where = plan["boxes"]
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            apart = (
                abs(where[one["id"]][axis] - where[other["id"]][axis])
                >= (one[size] + other[size]) / 2 - 0.01
                for axis, size in (("x", "width"), ("y", "height"))
            )
            assert any(apart), (one, other)
    along = "x" if direction == "LR" else "y"
    assert [[edge["from"], edge["to"]] for edge in plan["edges"]] == edges
    for edge in plan["edges"]:
        steps = [point[along] for point in edge["points"]]
        assert steps == sorted(steps)
    for box in boxes:
        assert box["width"] / 2 <= where[box["id"]]["x"] <= plan["width"] - box["width"] / 2
        assert box["height"] / 2 <= where[box["id"]]["y"] <= plan["height"] - box["height"] / 2
