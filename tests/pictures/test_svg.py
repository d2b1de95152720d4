"""Pictures of scenario configs: what is in them, and what is not."""

from xml.etree import ElementTree

import pytest

from scenarist import ConfigRegistry, Frequency, Scope
from scenarist.domain.errors import InvalidError
from scenarist.pictures import draw

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script> & \"'"


@pytest.fixture
def registry() -> ConfigRegistry:
    registry = ConfigRegistry()
    weather = registry.configure_csv_data_node("weather", scope=Scope.GLOBAL)
    model = registry.configure_data_node("model")
    plan = registry.configure_json_data_node("plan")
    notes = registry.configure_json_data_node("notes")
    fit = registry.configure_task("fit", "pipelines:increment", weather, model)
    decide = registry.configure_task("decide", "pipelines:add", [model, weather], plan)
    registry.configure_scenario(
        "heating",
        [fit, decide],
        [notes],
        frequency=Frequency.MONTHLY,
        sequences={"all": [fit, decide], HOSTILE: [fit]},
    )
    return registry


def parsed(registry: ConfigRegistry) -> ElementTree.Element:
    return ElementTree.fromstring(draw(list(registry.scenarios.values())))


def texts(root: ElementTree.Element, tag: str) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}{tag}")]


def test_every_task_and_data_node_is_there_with_its_kind(registry: ConfigRegistry) -> None:
    root = parsed(registry)

    shown = texts(root, "text")
    assert {"heating", "weather", "csv · global", "model", "plan", "notes", "fit"} <= set(shown)
    assert texts(root, "tspan") == ["2 tasks · 4 data nodes · monthly"]
    titles = texts(root, "title")
    assert "task decide: add" in titles
    assert "data node weather: csv · global" in titles


def test_who_does_not_see_it_is_told_in_words(registry: ConfigRegistry) -> None:
    root = parsed(registry)

    assert root.attrib["role"] == "img"
    named = {element.attrib.get("id") for element in root}
    assert set(root.attrib["aria-labelledby"].split()) <= named
    (said,) = texts(root, "desc")
    assert "Task decide reads model, weather and writes plan." in said
    assert "Sequence all has fit, decide." in said


def test_names_are_never_markup(registry: ConfigRegistry) -> None:
    root = parsed(registry)

    assert list(root.iter(f"{SVG}script")) == []
    assert f"sequence {HOSTILE}" in texts(root, "title")


def test_each_way_is_drawn_once_and_each_sequence_has_a_ground(registry: ConfigRegistry) -> None:
    root = parsed(registry)

    classes = [element.attrib.get("class", "") for element in root.iter()]
    assert classes.count("way") == 5
    assert [name for name in classes if name.startswith("ground")] == ["ground c0", "ground c1"]


def test_what_cannot_be_in_xml_is_shown_as_such() -> None:
    registry = ConfigRegistry()
    task = registry.configure_task("one", "pipelines:one")
    registry.configure_scenario("named", [task], sequences={"bell \x07 \u202e": [task]})

    assert "sequence bell \ufffd \ufffd" in texts(parsed(registry), "title")


def test_a_long_name_is_cut_and_whole_in_its_title() -> None:
    registry = ConfigRegistry()
    task = registry.configure_task("a" * 60, "pipelines:one")
    registry.configure_scenario("named", [task])
    root = parsed(registry)

    assert f"{'a' * 27}…" in texts(root, "text")
    assert f"task {'a' * 60}: one" in texts(root, "title")


def test_it_follows_light_and_dark_and_loads_nothing(registry: ConfigRegistry) -> None:
    picture = draw(list(registry.scenarios.values()))

    assert "prefers-color-scheme: dark" in picture
    assert "url(" not in picture
    assert "href" not in picture


def test_a_cycle_is_named() -> None:
    registry = ConfigRegistry()
    left, right = (registry.configure_data_node(name) for name in ("left", "right"))
    there = registry.configure_task("there", "pipelines:increment", left, right)
    back = registry.configure_task("back", "pipelines:increment", right, left)
    registry.configure_scenario("round", [there, back])

    with pytest.raises(InvalidError, match="scenario config round: its tasks form a cycle"):
        parsed(registry)
