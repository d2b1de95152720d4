"""The history of data nodes: pages of edits, and the jobs that wrote them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from builders import NOON, Draft, an_edit
from scenarist.db import data_nodes as data_node_rows
from scenarist.db import edits as edit_rows
from scenarist.db.engine import Database
from scenarist.domain.entities import Edit
from scenarist.domain.identifiers import DataNodeId, JobId
from scenarist.domain.listings import PageRequest
from statements import noted, scanned


@pytest.fixture
def node(database: Database) -> DataNodeId:
    def work(connection: Connection) -> DataNodeId:
        draft = Draft(connection)
        made = draft.node("node")
        draft.finish()
        return made

    return database.write(work)


def written(
    database: Database, node: DataNodeId, count: int, *, job_each: int | None = None
) -> list[Edit]:
    edits = [
        an_edit(node, number, at=NOON + timedelta(milliseconds=number)) for number in range(count)
    ]
    if job_each is not None:
        edits = [
            replace(edit, job_id=JobId(f"JOB_{number}")) if number % job_each == 0 else edit
            for number, edit in enumerate(edits)
        ]
    database.write(lambda connection: data_node_rows.add_edits(connection, edits))
    return edits


def test_pages_hold_every_edit_once_in_order(database: Database, node: DataNodeId) -> None:
    made = [edit.id for edit in written(database, node, 23)]

    @given(limit=st.integers(1, 30), is_descending=st.booleans())
    def law(limit: int, is_descending: bool) -> None:
        request = PageRequest(
            limit=limit, sort="timestamp", is_descending=is_descending, with_total=True
        )
        seen = []
        while True:
            page = edit_rows.list_page(database.reader, node, request)
            assert len(page.items) <= limit
            assert page.total == 23
            seen += [edit.id for edit in page.items]
            if page.next_position is None:
                break
            request = replace(request, after=page.next_position)
        assert seen == (made[::-1] if is_descending else made)

    law()


def test_a_page_comes_without_the_values(database: Database, node: DataNodeId) -> None:
    (made,) = written(database, node, 1)

    (edit,) = edit_rows.list_page(database.reader, node, PageRequest(limit=1)).items

    assert made.content is not None
    assert (edit.content, edit.rendition) == (None, None)


def test_the_last_hundred_jobs_are_told_with_the_newest_last(
    database: Database, node: DataNodeId
) -> None:
    written(database, node, 310, job_each=2)

    found = data_node_rows.find(database.reader, node)

    assert found is not None
    assert found.job_ids == tuple(f"JOB_{number}" for number in range(110, 310, 2))


def test_the_edits_of_others_are_not_looked_at(database: Database, node: DataNodeId) -> None:
    with noted(database) as statements:
        data_node_rows.find(database.reader, node)
        edit_rows.find(database.reader, node, "x")

    plans = statements.plans()
    assert len(plans) == 2
    assert not any(scanned(plan, ["edits"]) for plan in plans.values())
