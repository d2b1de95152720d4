"""Values on their way to and from a server: Python values, data frames, files, locks."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scenarist import Client, schemas
from scenarist.client import ClientError, ConflictError, NotFoundError, TruncatedError
from servers import StartedServer

ROWS = [{"city": "Oslo", "units": 1}, {"city": "Lima", "units": 25}, {"city": "Pune", "units": 3}]


@pytest.fixture
def table(client: Client, scenario: schemas.Scenario) -> str:
    """A data node kept as CSV, without a value."""
    (third,) = client.data_nodes.list(
        scenario_id=client.scenarios.create("tables").id, config_id="table"
    )
    return third.id


@pytest.fixture
def end(client: Client, scenario: schemas.Scenario) -> str:
    """A data node kept as JSON."""
    (node,) = client.data_nodes.list(scenario_id=scenario.id, config_id="end")
    return node.id


def test_a_value_is_written_and_read_as_it_was(client: Client, end: str) -> None:
    written = client.data_nodes.write(end, {"units": [1, 2.5, None]}, comment="by hand")

    assert client.data_nodes.read(end) == {"units": [1, 2.5, None]}
    edit = client.data_nodes.edit(end, written.edit_id)
    assert (edit.comment, edit.preview) == ("by hand", {"units": [1, 2.5, None]})


def test_past_values_are_listed_and_read(client: Client, end: str) -> None:
    first, second = (client.data_nodes.write(end, value).edit_id for value in ("old", "new"))

    assert [edit.id for edit in client.data_nodes.edits(end)] == [second, first]
    assert [edit.id for edit in client.data_nodes.edits(end, sort="timestamp")] == [first, second]
    assert client.data_nodes.read(end, edit_id=first) == "old"


def test_a_data_frame_is_written_and_read(client: Client, table: str) -> None:
    frame = pd.DataFrame(ROWS)

    client.data_nodes.write(table, frame)

    pd.testing.assert_frame_equal(client.data_nodes.read_frame(table), frame)
    assert client.data_nodes.read(table) == ROWS


def test_what_pandas_has_in_cells_arrives_as_json_has_it(client: Client, end: str) -> None:
    frame = pd.DataFrame(
        {
            "at": [pd.Timestamp("2026-01-31T12:00:00Z"), pd.NaT],
            "share": [0.1 + 0.2, float("nan")],
            "count": pd.array([3, None], dtype="Int64"),
        }
    )

    client.data_nodes.write(end, frame)

    first, second = client.data_nodes.read(end)
    assert pd.Timestamp(first.pop("at")) == pd.Timestamp("2026-01-31T12:00:00Z")
    assert first == {"share": 0.1 + 0.2, "count": 3}
    assert second == {"at": None, "share": None, "count": None}


def test_numbers_of_numpy_are_numbers(client: Client, end: str) -> None:
    client.data_nodes.write(end, {"sum": np.float64(2.5), "all": np.arange(3)})

    assert client.data_nodes.read(end) == {"sum": 2.5, "all": [0, 1, 2]}


def test_what_json_cannot_say_is_refused_before_it_is_sent(client: Client, end: str) -> None:
    with pytest.raises(
        ClientError, match="cannot be written as JSON: JSON cannot represent object"
    ):
        client.data_nodes.write(end, {"what": object()})


def test_a_part_of_a_table_is_read(client: Client, table: str) -> None:
    client.data_nodes.write(table, ROWS)

    chosen = client.data_nodes.read(table, columns=["city"], where="units:GREATER_THAN:2")
    either = client.data_nodes.read(
        table, where=["units:EQUAL:1", "city:EQUAL:Pune"], join_operator="OR", limit=1
    )
    none = client.data_nodes.read_frame(table, columns=["city"], where="units:EQUAL:0")

    assert chosen == [{"city": "Lima"}, {"city": "Pune"}]
    assert either == ROWS[:1]
    assert list(none.columns) == ["city"]
    assert len(none) == 0


def test_rows_are_appended(client: Client, table: str) -> None:
    client.data_nodes.write(table, pd.DataFrame(ROWS[:1]))

    client.data_nodes.append(table, pd.DataFrame(ROWS[1:]))

    assert client.data_nodes.read(table) == ROWS


def test_what_is_no_table_is_no_frame(client: Client, end: str) -> None:
    client.data_nodes.write(end, {"a": 1})

    with pytest.raises(ClientError, match="the value is dict, not a list of records"):
        client.data_nodes.read_frame(end)


def test_the_beginning_of_a_value_is_never_taken_for_all_of_it(client: Client) -> None:
    scenario = client.scenarios.create("large")
    client.sequences.submit(scenario.sequences["all"].id).wait(timeout=30)
    (big,) = client.data_nodes.list(scenario_id=scenario.id, config_id="big")

    with pytest.raises(TruncatedError, match="request a part of it") as caught:
        client.data_nodes.read(big.id)

    assert isinstance(caught.value.preview, list)
    assert 0 < len(caught.value.preview) < 50_000
    assert len(client.data_nodes.read(big.id, limit=1_000_000)) == 50_000


def test_files_go_up_and_come_down(client: Client, table: str, tmp_path: Path) -> None:
    source = tmp_path / "units.csv"
    source.write_text("city,units\nOslo,1\n")

    client.data_nodes.upload(table, source, comment="from a file")

    target = client.data_nodes.download(table, tmp_path / "again.csv")
    assert target == tmp_path / "again.csv"
    assert target.read_text() == source.read_text()
    (tmp_path / "folder").mkdir()
    assert client.data_nodes.download(table, tmp_path / "folder") == tmp_path / "folder/table.csv"
    opened = io.BytesIO()
    assert client.data_nodes.download(table, opened) is None
    assert opened.getvalue() == source.read_bytes()
    client.data_nodes.upload(table, b"city,units\nLima,2\n")
    assert client.data_nodes.read(table) == [{"city": "Lima", "units": 2}]
    client.data_nodes.upload(table, io.BytesIO(b"city,units\nPune,3\n"))
    assert client.data_nodes.read(table) == [{"city": "Pune", "units": 3}]


def test_a_large_file_goes_up_and_comes_down(client: Client, table: str, tmp_path: Path) -> None:
    source = tmp_path / "many.csv"
    source.write_text("city,units\n" + "Oslo,1\n" * 2_000_000)

    client.data_nodes.upload(table, source)

    target = client.data_nodes.download(table, tmp_path / "again.csv")
    assert target is not None
    assert target.read_bytes() == source.read_bytes()


def test_a_download_that_is_refused_leaves_no_file(
    client: Client, table: str, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError):
        client.data_nodes.download(table, tmp_path / "nothing.csv")

    assert list(tmp_path.iterdir()) == []


def test_a_lock_keeps_others_from_writing(client: Client, end: str) -> None:
    locked = client.data_nodes.lock(end, editor_id="desk", seconds=600)

    assert locked.editor_id == "desk"
    with pytest.raises(ConflictError, match="desk"):
        client.data_nodes.write(end, 1)
    client.data_nodes.write(end, 2, editor_id="desk")
    assert client.data_nodes.unlock(end, editor_id="desk").editor_id is None
    client.data_nodes.write(end, 3)


def test_without_pandas_a_frame_names_the_extra(server: StartedServer, tmp_path: Path) -> None:
    (tmp_path / "pandas.py").write_text("raise ImportError('not installed')\n")
    program = (
        "import sys, scenarist\n"
        f"client = scenarist.Client({server.address!r})\n"
        "node = client.data_nodes.create('given')\n"
        "client.data_nodes.write(node.id, [{'a': 1}])\n"
        "try:\n"
        "    client.data_nodes.read_frame(node.id)\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )

    assert done.stdout == (
        "data frames need pandas; install the extra: pip install 'scenarist[tabular]'\n"
    )
