"""Columns with what belongs to a row hold it in order, whatever it contains."""

from typing import Any

import pytest
from sqlalchemy import JSON, Column, ForeignKey, Integer, MetaData, Table, insert, select, union_all

from scenarist.db.engine import Database
from scenarist.db.json_columns import decoded_list, json_list, json_row
from scenarist.db.sql import Query
from scenarist.db.tables.columns import Text

metadata = MetaData()
shelves = Table("shelves", metadata, Column("name", Text, primary_key=True))
books = Table(
    "books",
    metadata,
    Column("shelf", Text, ForeignKey("shelves.name")),
    Column("place", Integer),
    Column("title", Text),
    Column("notes", JSON),
)
TITLE = 'a "quoted", [bracketed] \\ title,\nü 🌍'
NOTES = {"nested": [{"number": 1.5}, None, True, 2**60], "text": TITLE}


@pytest.fixture
def shelved(database: Database) -> Database:
    def store(connection: Any) -> None:
        metadata.create_all(connection)
        connection.execute(insert(shelves), [{"name": "full"}, {"name": "empty"}])
        connection.execute(
            insert(books),
            [
                {"shelf": "full", "place": place, "title": title, "notes": NOTES}
                for place, title in ((3, "last"), (1, TITLE), (2, None))
            ],
        )

    database.write(store)
    return database


def of_shelf(column: Any) -> Any:
    return (
        select(column.label("item")).where(books.c.shelf == shelves.c.name).order_by(books.c.place)
    )


def lists_of(database: Database, column: Any) -> dict[str, Any]:
    rows = Query(select(shelves, column.label("found"))).fetch(database.reader)
    return {row.name: row.found for row in rows}


def test_texts_are_in_the_order_of_the_query(shelved: Database) -> None:
    found = lists_of(shelved, decoded_list(of_shelf(books.c.title), str | None))

    assert found == {"full": (TITLE, None, "last"), "empty": ()}


def test_rows_have_several_columns_and_lists_of_their_own(shelved: Database) -> None:
    titles = select(books.alias().c.title.label("item")).where(books.c.place == 1).limit(0)
    row = json_row(books.c.place, books.c.title, books.c.notes, json_list(titles))
    row_type = tuple[int, str | None, dict[str, Any], tuple[str, ...]]

    found = lists_of(shelved, decoded_list(of_shelf(row), row_type))

    assert found["full"] == ((1, TITLE, NOTES, ()), (2, None, NOTES, ()), (3, "last", NOTES, ()))
    assert found["empty"] == ()


def test_several_queries_make_one_list(shelved: Database) -> None:
    both = union_all(
        *(
            select(books.c.place.label("item"))
            .where(books.c.shelf == shelves.c.name, books.c.place == place)
            .correlate(shelves)
            for place in (3, 1)
        )
    )

    found = lists_of(shelved, decoded_list(both, int))

    assert {name: sorted(places) for name, places in found.items()} == {
        "full": [1, 3],
        "empty": [],
    }


def test_long_lists_are_read(shelved: Database) -> None:
    more = [{"shelf": "empty", "place": n, "title": f"number {n}", "notes": {}} for n in range(500)]
    shelved.write(lambda connection: connection.execute(insert(books), more))

    found = lists_of(shelved, decoded_list(of_shelf(books.c.title), str | None))

    assert found["empty"] == tuple(f"number {n}" for n in range(500))
