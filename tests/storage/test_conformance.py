"""What every storage promises, whatever its kind."""

import hashlib
import json
import resource
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from processes import limited
from scenarist.domain.errors import InvalidError, NotFoundError, UnavailableError
from scenarist.domain.selections import Condition, Selection
from scenarist.domain.vocabulary import FilterOperator
from scenarist.storage.base import INLINE_LIMIT, ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.registry import discard, find_storage, publish, read_json
from storage.homes import Home

NOISE = np.random.default_rng(7).random(40_000)


class Unwritable:
    """A value that no storage can hold."""

    def __reduce__(self) -> str:
        raise RuntimeError("it does not want to be written")

    def __repr__(self) -> str:
        raise RuntimeError("nor to be shown")


@dataclass
class Kind:
    storage_type: str
    small: Any
    large: Any
    small_json: Any
    properties: dict[str, Any] = field(default_factory=dict)


FRAME = pd.DataFrame({"city": ["Oslo", "Rome"], "days": [3, 5]})
FRAME_JSON = [{"city": "Oslo", "days": 3}, {"city": "Rome", "days": 5}]

PICKLE = Kind("pickle", {"a": (1, 2)}, bytes(INLINE_LIMIT), {"a": [1, 2]})
IN_MEMORY = Kind("in_memory", {"a": (1, 2)}, bytes(INLINE_LIMIT), {"a": [1, 2]})
JSON = Kind("json", {"a": [1, "é"]}, list(range(30_000)), {"a": [1, "é"]})
CSV = Kind("csv", FRAME, pd.DataFrame({"noise": NOISE}), FRAME_JSON)
PARQUET = Kind("parquet", FRAME, pd.DataFrame({"noise": NOISE}), FRAME_JSON)
EXCEL = Kind(
    "excel", FRAME, pd.DataFrame({"noise": NOISE[:5_000]}), FRAME_JSON, {"sheet_name": "Plan"}
)

SAFE = [JSON, CSV, PARQUET, EXCEL]
WITH_FILES = [PICKLE, *SAFE]
every_safe_kind = pytest.mark.parametrize("kind", SAFE, ids=lambda kind: kind.storage_type)
every_table = pytest.mark.parametrize(
    "kind", [CSV, PARQUET, EXCEL], ids=lambda kind: kind.storage_type
)
every_other_kind = pytest.mark.parametrize(
    "kind", [PICKLE, IN_MEMORY], ids=lambda kind: kind.storage_type
)
every_kind = pytest.mark.parametrize(
    "kind", [*WITH_FILES, IN_MEMORY], ids=lambda kind: kind.storage_type
)
every_kind_with_files = pytest.mark.parametrize(
    "kind", WITH_FILES, ids=lambda kind: kind.storage_type
)


def a_target(
    kind: Kind, folder: Path | str, *, edit_id: str = "EDIT_1", **properties: Any
) -> WriteTarget:
    return WriteTarget(
        data_node_id="DATANODE_plan_1",
        edit_id=edit_id,
        storage_type=kind.storage_type,
        folder=str(folder),
        properties={**kind.properties, **properties},
    )


def write(kind: Kind, value: object, target: WriteTarget) -> WrittenValue:
    return find_storage(kind.storage_type).write(value, target)


def read(kind: Kind, written: WrittenValue, **properties: Any) -> Any:
    return find_storage(kind.storage_type).read(a_place(kind, written, **properties))


def a_place(kind: Kind, written: WrittenValue, **properties: Any) -> ValueLocation:
    return ValueLocation(
        storage_type=kind.storage_type,
        properties={**kind.properties, **properties},
        uri=written.uri,
        content=written.content,
    )


def is_same(left: Any, right: Any) -> bool:
    return bool(left.equals(right)) if isinstance(left, pd.DataFrame) else bool(left == right)


def files_under(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def a_full_disk() -> AbstractContextManager[None]:
    """Let no file of this process grow beyond 4 KiB."""
    return limited(resource.RLIMIT_FSIZE, 4096)


@every_kind
def test_small_value_comes_back_from_the_row_without_a_file(kind: Kind, home: Home) -> None:
    written = write(kind, kind.small, a_target(kind, home.folder))

    assert written.uri is None
    assert written.staged is None
    assert is_same(read(kind, written), kind.small)
    assert home.files() == []


@every_kind
def test_large_value_comes_back(kind: Kind, home: Home) -> None:
    written = write(kind, kind.large, a_target(kind, home.folder))

    assert is_same(read(kind, written), kind.large)


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        (PICKLE, "pickles/DATANODE_plan_1/EDIT_1.p"),
        (JSON, "jsons/DATANODE_plan_1/EDIT_1.json"),
        (CSV, "csvs/DATANODE_plan_1/EDIT_1.csv"),
        (PARQUET, "parquets/DATANODE_plan_1/EDIT_1.parquet"),
        (EXCEL, "excels/DATANODE_plan_1/EDIT_1.xlsx"),
    ],
)
def test_large_value_lies_in_a_file_of_its_edit(kind: Kind, file: str, home: Home) -> None:
    written = write(kind, kind.large, a_target(kind, home.folder))

    assert written.uri == f"{home.folder}/{file}"
    assert written.content is None
    assert home.files() == [file]


@every_kind_with_files
def test_file_of_another_edit_is_never_overwritten(kind: Kind, home: Home) -> None:
    first = write(kind, kind.large, a_target(kind, home.folder))

    with pytest.raises(UnavailableError, match="EDIT_1"):
        write(kind, kind.large, a_target(kind, home.folder))

    assert is_same(read(kind, first), kind.large)


@every_kind
def test_digest_and_size_are_of_the_bytes(kind: Kind, tmp_path: Path) -> None:
    written = write(kind, kind.small, a_target(kind, tmp_path))

    assert written.content is not None
    assert written.size == len(written.content)
    assert written.digest == "sha256:" + hashlib.sha256(written.content).hexdigest()


@every_kind_with_files
def test_digest_and_size_are_of_the_file(kind: Kind, home: Home) -> None:
    written = write(kind, kind.large, a_target(kind, home.folder))

    data = home.read(str(written.uri))
    assert written.size == len(data)
    assert written.digest == "sha256:" + hashlib.sha256(data).hexdigest()


@every_kind
def test_rendition_of_a_small_value_is_all_of_it(kind: Kind, tmp_path: Path) -> None:
    written = write(kind, kind.small, a_target(kind, tmp_path))

    assert written.is_complete
    assert json.loads(written.rendition) == kind.small_json


@every_kind
def test_rendition_of_a_large_value_is_bounded(kind: Kind, tmp_path: Path) -> None:
    written = write(kind, kind.large, a_target(kind, tmp_path))

    assert not written.is_complete
    assert len(written.rendition.encode()) <= 65_536
    assert json.loads(written.rendition)


@every_kind_with_files
def test_path_of_the_user_is_replaced_only_by_publish(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "plan.dat"
    target = a_target(kind, tmp_path, default_path=str(path))

    written = write(kind, kind.small, target)

    assert written.uri == str(path)
    assert not path.exists()
    publish(written)
    assert is_same(read(kind, written), kind.small)
    assert files_under(tmp_path) == ["new/folder/plan.dat"]


@every_kind_with_files
def test_old_value_stays_readable_until_publish(kind: Kind, tmp_path: Path) -> None:
    path = str(tmp_path / "plan.dat")
    old = write(kind, kind.small, a_target(kind, tmp_path, path=path, edit_id="EDIT_1"))
    publish(old)

    new = write(kind, kind.large, a_target(kind, tmp_path, path=path, edit_id="EDIT_2"))

    assert is_same(read(kind, new), kind.small)
    publish(new)
    assert is_same(read(kind, new), kind.large)


@every_kind_with_files
def test_path_wins_over_default_path(kind: Kind, tmp_path: Path) -> None:
    target = a_target(
        kind, tmp_path, path=str(tmp_path / "mine"), default_path=str(tmp_path / "configured")
    )

    written = write(kind, kind.small, target)

    assert written.uri == str(tmp_path / "mine")


@every_kind_with_files
def test_relative_path_is_recorded_absolute(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    written = write(kind, kind.small, a_target(kind, tmp_path, path="plan.dat"))

    assert written.uri == str(tmp_path / "plan.dat")


@every_kind
def test_value_that_cannot_be_written_leaves_nothing(kind: Kind, tmp_path: Path) -> None:
    target = a_target(kind, tmp_path / "folder", path=str(tmp_path / "plan.dat"))

    with pytest.raises(InvalidError, match=kind.storage_type):
        write(kind, Unwritable(), target)

    assert list(tmp_path.iterdir()) == []


@every_kind_with_files
def test_full_disk_keeps_the_old_value_and_leaves_nothing_else(kind: Kind, tmp_path: Path) -> None:
    path = str(tmp_path / "plan.dat")
    old = write(kind, kind.small, a_target(kind, tmp_path, path=path, edit_id="EDIT_1"))
    publish(old)

    with a_full_disk(), pytest.raises(UnavailableError, match="File too large"):
        write(kind, kind.large, a_target(kind, tmp_path, path=path, edit_id="EDIT_2"))

    assert is_same(read(kind, old), kind.small)
    assert files_under(tmp_path) == ["plan.dat"]


@every_kind_with_files
def test_full_disk_leaves_no_file_of_the_system(kind: Kind, tmp_path: Path) -> None:
    with a_full_disk(), pytest.raises(UnavailableError, match="DATANODE_plan_1"):
        write(kind, kind.large, a_target(kind, tmp_path))

    assert files_under(tmp_path) == []


@every_kind_with_files
def test_path_that_leads_through_a_file_is_refused(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(UnavailableError, match="DATANODE_plan_1"):
        write(kind, kind.small, a_target(kind, tmp_path, path=str(tmp_path / "file" / "plan")))


@every_kind
def test_missing_file_is_not_found_and_named(kind: Kind, home: Home) -> None:
    place = ValueLocation(storage_type=kind.storage_type, uri=f"{home.folder}/gone")

    with pytest.raises(NotFoundError, match=f"{home.folder}/gone"):
        find_storage(kind.storage_type).read(place)


@every_kind
def test_value_that_was_never_written_is_not_found(kind: Kind) -> None:
    with pytest.raises(NotFoundError, match="write the data node first"):
        find_storage(kind.storage_type).read(ValueLocation(storage_type=kind.storage_type))


@every_kind
def test_file_in_another_format_is_invalid_and_named(kind: Kind, home: Home) -> None:
    uri = home.put("plan.dat", b'\xff\x00"broken')

    with pytest.raises(InvalidError, match=uri):
        find_storage(kind.storage_type).read(ValueLocation(storage_type=kind.storage_type, uri=uri))


@every_kind
def test_value_lies_in_a_file_or_row_of_ours(kind: Kind) -> None:
    assert not find_storage(kind.storage_type).is_external


@every_kind
def test_json_data_is_written_and_read_again(kind: Kind, home: Home) -> None:
    storage = find_storage(kind.storage_type)

    written = storage.write(storage.from_json(FRAME_JSON), a_target(kind, home.folder))

    assert json.loads(written.rendition) == FRAME_JSON


@every_safe_kind
def test_whole_value_is_read_as_json(kind: Kind, tmp_path: Path) -> None:
    written = write(kind, kind.small, a_target(kind, tmp_path))

    assert json.loads(read_json(a_place(kind, written))) == kind.small_json


@every_safe_kind
def test_missing_file_read_as_json_is_not_found(kind: Kind, home: Home) -> None:
    with pytest.raises(NotFoundError, match="gone"):
        read_json(ValueLocation(storage_type=kind.storage_type, uri=f"{home.folder}/gone"))


@every_kind_with_files
def test_readers_see_whole_values_while_others_are_published(kind: Kind, tmp_path: Path) -> None:
    path = str(tmp_path / "plan.dat")
    height = 300 if kind is EXCEL else 5_000
    values: list[Any] = [pd.DataFrame({"n": [number] * height}) for number in range(20)]
    if kind.storage_type == "json":
        values = [frame["n"].tolist() for frame in values]
    written = write(kind, values[0], a_target(kind, tmp_path, path=path, edit_id="EDIT_first"))
    publish(written)
    is_over = threading.Event()

    def replace() -> None:
        try:
            for number, value in enumerate(values):
                target = a_target(kind, tmp_path, path=path, edit_id=f"EDIT_{number}")
                publish(write(kind, value, target))
        finally:
            is_over.set()

    writer = threading.Thread(target=replace)
    writer.start()
    seen = []
    while not is_over.is_set():
        seen.append(read(kind, written))
    writer.join()
    seen.append(read(kind, written))

    assert all(any(is_same(one, value) for value in values) for one in seen)
    assert is_same(seen[-1], values[-1])


@every_kind_with_files
def test_publish_may_be_repeated(kind: Kind, tmp_path: Path) -> None:
    target = a_target(kind, tmp_path, path=str(tmp_path / "plan.dat"))
    written = write(kind, kind.small, target)

    publish(written)
    publish(written)

    assert is_same(read(kind, written), kind.small)


@every_kind_with_files
def test_discarded_file_is_gone_and_may_be_discarded_again(kind: Kind, home: Home) -> None:
    written = write(kind, kind.large, a_target(kind, home.folder))

    discard(written)
    discard(written)

    assert home.files() == []


@every_kind_with_files
def test_discarding_what_was_staged_keeps_the_old_file(kind: Kind, tmp_path: Path) -> None:
    path = str(tmp_path / "plan.dat")
    old = write(kind, kind.small, a_target(kind, tmp_path, path=path, edit_id="EDIT_1"))
    publish(old)
    new = write(kind, kind.large, a_target(kind, tmp_path, path=path, edit_id="EDIT_2"))

    discard(new)

    assert is_same(read(kind, old), kind.small)
    assert files_under(tmp_path) == ["plan.dat"]


@every_kind
def test_small_value_is_published_and_discarded_without_effect(kind: Kind, tmp_path: Path) -> None:
    written = write(kind, kind.small, a_target(kind, tmp_path))

    publish(written)
    discard(written)

    assert is_same(read(kind, written), kind.small)


def append(
    kind: Kind, value: object, target: WriteTarget, present: WrittenValue | None
) -> WrittenValue:
    place = None if present is None else a_place(kind, present)
    return find_storage(kind.storage_type).append(value, target, place)


@every_other_kind
def test_storage_that_cannot_append_says_what_to_do(kind: Kind, tmp_path: Path) -> None:
    written = write(kind, kind.small, a_target(kind, tmp_path))

    assert not find_storage(kind.storage_type).can_append
    with pytest.raises(InvalidError, match=f"'{kind.storage_type}' cannot append; read the value"):
        append(kind, kind.small, a_target(kind, tmp_path, edit_id="EDIT_2"), written)


@every_table
def test_appended_rows_come_below_in_a_new_value(kind: Kind, tmp_path: Path) -> None:
    old = write(kind, kind.small, a_target(kind, tmp_path))

    new = append(kind, kind.small, a_target(kind, tmp_path, edit_id="EDIT_2"), old)

    assert is_same(read(kind, new), pd.concat([FRAME, FRAME], ignore_index=True))
    assert is_same(read(kind, old), FRAME)
    assert json.loads(new.rendition) == FRAME_JSON * 2
    assert new.python_type == "pandas.DataFrame"


@every_safe_kind
def test_value_appended_to_nothing_is_the_value(kind: Kind, tmp_path: Path) -> None:
    written = append(kind, kind.small, a_target(kind, tmp_path), None)

    assert is_same(read(kind, written), kind.small)


@every_table
def test_large_table_gains_rows_in_a_file_of_the_new_edit(kind: Kind, home: Home) -> None:
    old = write(kind, kind.large, a_target(kind, home.folder))

    new = append(kind, kind.large[:2], a_target(kind, home.folder, edit_id="EDIT_2"), old)

    assert new.uri != old.uri
    assert is_same(read(kind, old), kind.large)
    assert is_same(read(kind, new), pd.concat([kind.large, kind.large[:2]], ignore_index=True))


@every_table
def test_file_of_the_user_gains_rows_only_when_published(kind: Kind, tmp_path: Path) -> None:
    path = str(tmp_path / "plan.dat")
    old = write(kind, kind.small, a_target(kind, tmp_path, path=path, edit_id="EDIT_1"))
    publish(old)

    new = append(kind, kind.small, a_target(kind, tmp_path, path=path, edit_id="EDIT_2"), old)

    assert is_same(read(kind, new), FRAME)
    publish(new)
    assert json.loads(read_json(a_place(kind, new))) == FRAME_JSON * 2


@every_table
def test_columns_of_the_table_decide_where_cells_go(kind: Kind, tmp_path: Path) -> None:
    old = write(kind, kind.small, a_target(kind, tmp_path))

    new = append(
        kind,
        [{"days": 1, "city": "Kyiv"}, {"city": "Bern"}],
        a_target(kind, tmp_path, edit_id="EDIT_2"),
        old,
    )

    assert json.loads(read_json(a_place(kind, new))) == [
        *FRAME_JSON,
        {"city": "Kyiv", "days": 1},
        {"city": "Bern", "days": None},
    ]


@every_table
def test_rows_without_names_go_by_position(kind: Kind, tmp_path: Path) -> None:
    old = write(kind, kind.small, a_target(kind, tmp_path))

    new = append(kind, [["Kyiv", 1]], a_target(kind, tmp_path, edit_id="EDIT_2"), old)

    rows = json.loads(read_json(a_place(kind, new)))
    assert rows == [*FRAME_JSON, {"city": "Kyiv", "days": 1}]


@every_table
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([{"city": "Kyiv", "sea": 1}], "no column 'sea'; its columns are 'city', 'days'"),
        ([["Kyiv"]], "no column '0'; its columns are 'city', 'days'"),
        (pd.DataFrame([[1, 2]], columns=["days", "days"]), "two columns have the"),
        (5, "stores tables"),
        (Unwritable(), "stores tables"),
    ],
)
def test_rows_that_the_table_cannot_take_are_refused(
    kind: Kind, value: object, message: str, tmp_path: Path
) -> None:
    old = write(kind, kind.small, a_target(kind, tmp_path))

    with pytest.raises(InvalidError, match=message):
        append(kind, value, a_target(kind, tmp_path, edit_id="EDIT_2"), old)


@every_table
def test_table_without_columns_takes_those_of_the_first_rows(kind: Kind, tmp_path: Path) -> None:
    old = write(kind, pd.DataFrame(), a_target(kind, tmp_path))

    new = append(kind, kind.small, a_target(kind, tmp_path, edit_id="EDIT_2"), old)

    assert json.loads(read_json(a_place(kind, new))) == FRAME_JSON


@every_safe_kind
def test_nothing_is_appended_to_a_file_that_is_gone(kind: Kind, tmp_path: Path) -> None:
    place = ValueLocation(
        storage_type=kind.storage_type, properties=kind.properties, uri=str(tmp_path / "gone")
    )

    with pytest.raises(NotFoundError, match="gone"):
        find_storage(kind.storage_type).append(kind.small, a_target(kind, tmp_path), place)


@every_safe_kind
def test_selected_rows_are_read_as_json(kind: Kind, tmp_path: Path) -> None:
    written = write(kind, FRAME_JSON, a_target(kind, tmp_path))
    condition = Condition(key="days", operator=FilterOperator.GREATER_THAN, value=3)

    text = read_json(
        a_place(kind, written), Selection(conditions=(condition,), columns=("city",), limit=1)
    )

    assert text == '[{"city":"Rome"}]'
