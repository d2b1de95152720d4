"""docs/operations.md against what a started server really serves."""

import re
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from servers import StartedServer

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
ROW = re.compile(r"^\| `(scenarist_\w+)` \| (\w+) \| ([^|]+) \| (\w+) \| ([^|]+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> list[Metric]:
    with StartedServer(tmp_path_factory.mktemp("server")) as server:
        server.submit(server.create("chain")["sequences"]["all of it"]["id"])
        text = server.http.get("/metrics").text
    return [
        family
        for family in text_string_to_metric_families(text)
        if family.name.startswith("scenarist_")
    ]


def shown(family: Metric) -> tuple[str, str, str, str, str]:
    """Write a family as a row of the table has it."""
    labels = {label for sample in family.samples for label in sample.labels} - {"le"}
    name = f"{family.name}_total" if family.type == "counter" else family.name
    of = "database" if "in the database" in family.documentation else "process"
    named = ", ".join(f"`{label}`" for label in sorted(labels)) or "none"
    return name, family.type, named, of, family.documentation


def test_the_table_has_every_metric_as_it_is_served(families: list[Metric]) -> None:
    rows = ROW.findall(PAGE.read_text())

    assert rows == [shown(family) for family in sorted(families, key=lambda one: one.name)]


def test_the_alerts_name_only_metrics_that_there_are(families: list[Metric]) -> None:
    queries = "\n".join(re.findall(r"```promql\n(.*?)```", PAGE.read_text(), re.DOTALL))
    endings = "(_total|_count|_sum|_bucket)?"
    known = {f"{family.name}{ending}" for family in families for ending in ("", "_total")}
    known |= {
        f"{family.name}{ending}"
        for family in families
        if family.type == "histogram"
        for ending in ("_count", "_sum", "_bucket")
    }

    named = {found[0] for found in re.finditer(rf"scenarist_\w+?{endings}\b", queries)}

    assert named
    assert named - known == set()
