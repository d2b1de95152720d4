"""Placing boxes: laws that hold for every graph."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from scenarist.pictures.layout import Box, Layout, Size, lay_out

GAP = Size(60, 20)
TOLERANCE = 0.001


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[int, Size], list[tuple[int, int]]]:
    """Boxes of different sizes, and ways from earlier ones to later ones."""
    count = draw(st.integers(1, 14))
    sizes = {
        number: Size(draw(st.integers(10, 200)), draw(st.integers(10, 60)))
        for number in range(count)
    }
    pairs = list(combinations(range(count), 2))
    ways = draw(st.lists(st.sampled_from(pairs), max_size=25)) if pairs else []
    return sizes, ways


def overlap(one: Box, other: Box) -> bool:
    return (
        abs(one.x - other.x) < (one.width + other.width) / 2 - TOLERANCE
        and abs(one.y - other.y) < (one.height + other.height) / 2 - TOLERANCE
    )


def placed(graph: tuple[dict[int, Size], list[tuple[int, int]]]) -> Layout[int]:
    sizes, ways = graph
    return lay_out(sizes, ways, gap=GAP)


@given(graphs())
def test_no_two_boxes_overlap_and_all_are_within_the_picture(
    graph: tuple[dict[int, Size], list[tuple[int, int]]],
) -> None:
    layout = placed(graph)

    assert set(layout.boxes) == set(graph[0])
    assert not any(overlap(*pair) for pair in combinations(layout.boxes.values(), 2))
    for spot in layout.boxes.values():
        assert spot.x - spot.width / 2 >= -TOLERANCE
        assert spot.x + spot.width / 2 <= layout.width + TOLERANCE
        assert spot.y - spot.height / 2 >= -TOLERANCE
        assert spot.y + spot.height / 2 <= layout.height + TOLERANCE


@given(graphs())
def test_ways_lead_to_the_right_and_between_the_boxes(
    graph: tuple[dict[int, Size], list[tuple[int, int]]],
) -> None:
    layout = placed(graph)

    assert set(layout.edges) == set(graph[1])
    for (start, end), bends in layout.edges.items():
        stops = [layout.boxes[start], *bends, layout.boxes[end]]
        places = [stop.x for stop in stops]
        assert places == sorted(set(places))
        assert not any(overlap(bend, box) for bend in bends for box in layout.boxes.values())


def test_a_chain_is_straight() -> None:
    sizes = {name: Size(50, 20) for name in "abcd"}

    layout = lay_out(sizes, [("a", "b"), ("b", "c"), ("c", "d")], gap=GAP)

    assert [spot.x for spot in layout.boxes.values()] == [25, 135, 245, 355]
    assert {spot.y for spot in layout.boxes.values()} == {10}


def test_ways_that_need_not_cross_do_not() -> None:
    sizes = {name: Size(50, 20) for name in "abcxyz"}

    layout = lay_out(sizes, [("a", "z"), ("b", "y"), ("c", "x")], gap=GAP)

    boxes = layout.boxes
    assert [boxes[name].y for name in "abc"] == [boxes[name].y for name in "zyx"]


def test_what_nothing_leads_to_stands_right_before_what_it_leads_to() -> None:
    sizes = {name: Size(50, 20) for name in "abcd"}

    layout = lay_out(sizes, [("a", "b"), ("b", "c"), ("d", "c")], gap=GAP)

    assert layout.boxes["d"].x == layout.boxes["b"].x


def test_nothing_takes_no_room() -> None:
    layout: Layout[str] = lay_out({}, [], gap=GAP)

    assert (layout.width, layout.height) == (0, 0)
