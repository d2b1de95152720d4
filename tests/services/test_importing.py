"""What an application of Taipy left is imported once, whole, and entry by entry where it is bad."""

import json
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from builders import NOON, an_edit
from empty_databases import copy_to
from scenarist.config import Application, ConfigRegistry
from scenarist.db import audit as audit_rows
from scenarist.db import cycles as cycle_rows
from scenarist.db import data_nodes as data_node_rows
from scenarist.db import edits as edit_rows
from scenarist.db import importing, tables
from scenarist.db import scenarios as scenario_rows
from scenarist.db import submissions as submission_rows
from scenarist.db.engine import Database
from scenarist.domain.errors import DeniedError, InvalidError, NotFoundError
from scenarist.domain.listings import AuditFilter, PageRequest
from scenarist.domain.permissions import Actor, Role
from scenarist.domain.vocabulary import EntityType, JobStatus, SubmissionStatus
from scenarist.services.cancellation import Canceller
from scenarist.services.declarations import load_declared
from scenarist.services.drift import find_drift
from scenarist.services.submissions import SubmissionService
from scenarist.services.submit_requests import SubmitOptions
from scenarist.taipy.applications import read_application
from scenarist.taipy.folders import find_folder
from signed_in import ADMIN
from taipy_folders import COMPUTED, WRITTEN, TaipyFolder
from taipy_imports import Import, added, declare, said


@pytest.fixture
def taipy(database: Database, tmp_path: Path) -> Import:
    return Import(database, TaipyFolder(tmp_path / "app"), tmp_path / "values")


def _become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def test_entities_keep_their_identifiers_names_tags_properties_and_dates(taipy: Import) -> None:
    scenario_id = taipy.source.plan(
        month=2,
        creation_date="2024-02-10T09:30:00",
        tags=["b", "a"],
        primary_scenario=True,
        properties={
            "name": "grün",
            "note": 1,
            "on": {"__type__": "Datetime", "__value__": "2024-01-01T00:00:00"},
        },
    )

    report = taipy.run(zone="Europe/Berlin")

    assert (report.left_out, report.notes) == ((), ())
    assert added(report) == {
        "cycles": 1,
        "scenarios": 1,
        "tasks": 1,
        "data nodes": 2,
        "submissions": 1,
        "jobs": 1,
        "edits": 2,
    }
    found = scenario_rows.find(taipy.database.reader, scenario_id)
    assert found is not None
    assert (found.name, found.tags, found.is_primary) == ("grün", ("a", "b"), True)
    assert found.properties == {"note": 1, "on": "2024-01-01T00:00:00"}
    assert found.created_at == datetime(2024, 2, 10, 8, 30, tzinfo=UTC)
    cycle = cycle_rows.find(taipy.database.reader, str(found.cycle_id))
    assert cycle is not None
    assert cycle.name == "Month 2 2024"
    assert cycle.start_at == datetime(2024, 1, 31, 23, tzinfo=UTC)
    assert cycle.end_at == datetime(2024, 2, 29, 23, tzinfo=UTC)


def test_sequences_come_with_what_was_submitted_of_them(taipy: Import) -> None:
    scenario_id = taipy.source.plan()
    (task,) = taipy.source.entities.glob("tasks/*")
    sequence = {"tasks": [task.stem], "properties": {"name": "by hand", "why": "x"}}
    taipy.source.change(scenario_id, sequences={"by hand": {**sequence, "subscribers": []}})
    sequence_id = f"SEQUENCE_byTPSPACEhand_{scenario_id}"
    submission_id = taipy.source.submission(sequence_id)

    taipy.run()

    found = scenario_rows.find(taipy.database.reader, scenario_id)
    assert found is not None
    (made,) = found.sequences
    assert (made.id, made.name, made.properties) == (sequence_id, "by hand", {"why": "x"})
    submission = submission_rows.find(taipy.database.reader, submission_id)
    assert submission is not None
    assert submission.entity_id == sequence_id


def test_values_are_stored_as_the_bytes_that_they_were_and_the_source_stays(taipy: Import) -> None:
    large = "x" * 100_000
    scenario_id = taipy.source.plan(7)
    shared = taipy.source.node("shared", large, scope="GLOBAL")
    taipy.source.change(scenario_id, additional_data_nodes=[shared])
    before = taipy.source.digest()

    taipy.run()

    assert taipy.source.digest() == before
    small = taipy.newest_edit("number")
    assert small.content == pickle.dumps(7)
    assert (small.rendition, small.python_type, small.actor) == ("7", "int", "TAIPY")
    assert small.created_at == datetime.fromisoformat(WRITTEN).replace(tzinfo=UTC)
    stored = taipy.newest_edit("shared")
    assert stored.uri is not None
    assert Path(stored.uri).read_bytes() == pickle.dumps(large)


def test_jobs_keep_their_times_and_edits_of_4_1_find_their_job(taipy: Import) -> None:
    taipy.source.plan()

    taipy.run()

    (job,) = taipy.jobs()
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
    assert job.run_at == datetime(2024, 1, 10, 9, 31, 1, tzinfo=UTC)
    assert job.finished_at == datetime(2024, 1, 10, 9, 31, 3, tzinfo=UTC)
    edit = taipy.newest_edit("result")
    assert (edit.job_id, edit.version) == (job.id, job.version)
    assert edit.created_at == datetime.fromisoformat(COMPUTED).replace(tzinfo=UTC)


def test_what_had_not_ended_is_cancelled_with_the_reason(taipy: Import) -> None:
    scenario_id = taipy.source.plan()
    (task,) = taipy.source.entities.glob("tasks/*")
    submission_id = taipy.source.submission(scenario_id, "RUNNING")
    job_id = taipy.source.job(task.stem, submission_id, scenario_id, "RUNNING")

    taipy.run()

    (job,) = [job for job in taipy.jobs() if job.id == job_id]
    assert (job.status, job.finished_at) == (JobStatus.CANCELED, NOON)
    assert job.reason == "it had not ended when it was imported from Taipy"
    submission = submission_rows.find(taipy.database.reader, submission_id)
    assert submission is not None
    assert (submission.status, submission.finished_at) == (SubmissionStatus.CANCELED, NOON)


def test_a_failed_job_has_its_stack_trace_and_the_error_as_its_reason(taipy: Import) -> None:
    scenario_id = taipy.source.plan()
    (task,) = taipy.source.entities.glob("tasks/*")
    submission_id = taipy.source.submission(scenario_id, "FAILED")
    trace = "Traceback:\n  File x\nValueError: no budget\n"
    job_id = taipy.source.job(task.stem, submission_id, scenario_id, "FAILED", stacktrace=[trace])

    taipy.run()

    (job,) = [job for job in taipy.jobs() if job.id == job_id]
    assert (job.reason, job.stacktrace) == ("ValueError: no budget", (trace,))


def test_records_of_3_1_have_fewer_fields(taipy: Import) -> None:
    scenario_id = taipy.source.plan(5)
    for path in taipy.source.entities.glob("data_nodes/*"):
        record = json.loads(path.read_text())
        record["data_node_properties"] = {}
        record["edits"] = [
            {"timestamp": WRITTEN, "writer_identifier": "TAIPY", "comments": "Default data."}
        ]
        record["last_edit_date"] = WRITTEN
        path.write_text(json.dumps(record))
    (job,) = taipy.source.entities.glob("jobs/*")
    record = json.loads(job.read_text())
    del record["status_change_records"]
    job.write_text(json.dumps(record))

    report = taipy.run()

    assert report.left_out == ()
    edit = taipy.newest_edit("number")
    assert (edit.content, edit.actor, edit.comment) == (pickle.dumps(5), "TAIPY", "Default data.")
    (job_here,) = taipy.jobs()
    assert (job_here.run_at, job_here.finished_at) == (None, job_here.created_at)
    assert scenario_rows.exists(taipy.database.reader, scenario_id)


def test_a_second_import_adds_nothing(taipy: Import) -> None:
    taipy.source.plan(month=1)
    taipy.run()
    before = taipy.dump()

    report = taipy.run()

    assert added(report) == {}
    assert report.counts["data node"].present == 2
    after = taipy.dump()
    assert {name for name, rows in after.items() if rows != before[name]} == {"audit"}


def test_a_second_import_brings_what_was_added_since(taipy: Import) -> None:
    taipy.source.plan(month=1)
    taipy.run()
    node_id = taipy.node("number").id
    taipy.source.plan(2, month=2)
    taipy.source.edit(node_id, 41, at="2024-01-12T00:00:00", editor="ines")

    report = taipy.run()

    assert added(report) == {
        "cycles": 1,
        "scenarios": 1,
        "tasks": 1,
        "data nodes": 2,
        "submissions": 1,
        "jobs": 1,
        "edits": 3,
    }
    node = data_node_rows.find(taipy.database.reader, node_id)
    assert node is not None
    edit = edit_rows.find(taipy.database.reader, node_id, str(node.last_edit_id))
    assert edit is not None
    assert (edit.content, edit.actor) == (pickle.dumps(41), "ines")


def test_a_later_value_here_stays_the_value(taipy: Import) -> None:
    taipy.source.plan()
    taipy.run()
    node = taipy.node("number")
    here = an_edit(node.id, 100)
    taipy.database.write(lambda connection: data_node_rows.add_edits(connection, [here]))
    taipy.source.edit(node.id, 41, at="2024-01-12T00:00:00")

    report = taipy.run()

    assert added(report) == {"edits": 1}
    assert taipy.newest_edit("number").id == here.id


def test_jobs_that_wait_for_a_value_are_released_by_an_import(taipy: Import) -> None:
    taipy.source.plan()
    number = taipy.source.record_of_config("number")
    taipy.source.change(number, last_edit_date=None, edits=[])
    taipy.run()
    scenario_id = taipy.database.reader.execute(select(tables.scenarios.c.id)).scalar_one()
    canceller = Canceller(taipy.database, now=lambda: NOON)
    service = SubmissionService(taipy.database, canceller, now=lambda: NOON, version="here")
    blocked = service.submit(ADMIN, EntityType.SCENARIO, scenario_id, SubmitOptions())
    taipy.source.edit(number, 4, at="2024-01-12T00:00:00")

    taipy.run()

    (job,) = [job for job in taipy.jobs() if job.submission_id == blocked.id]
    assert job.status is JobStatus.PENDING


def test_a_dry_run_reports_the_same_and_changes_nothing(taipy: Import) -> None:
    taipy.source.plan("x" * 100_000, month=1)
    before = taipy.dump()

    report = taipy.run(is_dry_run=True)

    assert taipy.dump() == before
    assert list(taipy.values.iterdir()) == []
    assert report == taipy.run()


def test_an_import_that_fails_leaves_neither_rows_nor_files(
    taipy: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    taipy.source.plan("x" * 100_000)
    before = taipy.dump()

    def fail(*arguments: object) -> None:
        assert [path for path in taipy.values.rglob("*") if path.is_file()] != []
        raise OSError("the disk is full")

    monkeypatch.setattr(importing, "keep_as", fail)
    with pytest.raises(OSError, match="disk"):
        taipy.run()

    assert taipy.dump() == before
    assert [path for path in taipy.values.rglob("*") if path.is_file()] == []


def test_only_an_administrator_imports_and_the_audit_has_it(taipy: Import) -> None:
    taipy.source.plan()
    operator = taipy.actor
    taipy.actor = Actor("editor", frozenset({Role.EDITOR}))
    with pytest.raises(DeniedError):
        taipy.run()
    taipy.actor = operator

    taipy.run()

    page = audit_rows.list_page(taipy.database.reader, AuditFilter(), PageRequest(limit=9))
    assert [(entry.actor, entry.entity_id) for entry in page.items] == [("chief", None)]


def test_a_value_in_memory_is_lost_unless_it_was_the_default(taipy: Import) -> None:
    kept = taipy.source.node("extra", storage_type="in_memory")
    lost = taipy.source.node("extra", storage_type="in_memory")
    default = {"timestamp": WRITTEN, "editor": "TAIPY", "comment": "Default data written."}
    for node_id, edits in ((kept, [default]), (lost, [default, {"timestamp": COMPUTED}])):
        owner = taipy.source.scenario(additional_data_nodes=[node_id])
        taipy.source.change(
            node_id, owner_id=owner, edits=edits, last_edit_date=edits[-1]["timestamp"]
        )

    report = taipy.run()

    assert list(said(report.left_out)) == [f"value of {lost}"]
    assert "memory of its process" in report.left_out[0].text
    found = data_node_rows.find(taipy.database.reader, kept)
    assert found is not None
    edit = edit_rows.find(taipy.database.reader, kept, str(found.last_edit_id))
    assert edit is not None
    assert edit.rendition == '"as declared"'


def test_a_value_that_cannot_be_opened_comes_as_bytes_and_is_told(taipy: Import) -> None:
    taipy.source.plan()
    number = taipy.source.record_of_config("number")
    taipy.source.put(f"user_data/pickles/{number}.p", b"cno_such_module\nthing\n.")

    report = taipy.run()

    assert report.left_out == ()
    (note,) = report.notes
    assert note.entry == f"value of {number}"
    assert "no_such_module" in note.text
    assert taipy.newest_edit("number").content == b"cno_such_module\nthing\n."


def test_a_value_that_does_not_fit_its_schema_comes_and_is_told(taipy: Import) -> None:
    taipy.registry = declare(schema={"type": "object", "properties": {"n": {"type": "integer"}}})
    taipy.source.plan({"n": "one"})
    number = taipy.source.record_of_config("number")

    report = taipy.run()

    assert said(report.notes) == {
        f"value of {number}": (
            'it does not fit the schema of its data node: n: "one" is not of type "integer"'
        )
    }
    assert taipy.newest_edit("number").rendition == '{"n":"one"}'


def test_a_value_that_is_too_large_to_be_compared_with_its_schema_is_told(taipy: Import) -> None:
    taipy.registry = declare(schema={"type": "array", "items": {"type": "integer"}})
    taipy.source.plan(list(range(100_000)))

    report = taipy.run()

    (note,) = report.notes
    assert note.text.startswith("it is not compared with the schema of its data node")


@pytest.mark.parametrize(
    ("remove", "reason"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: (path.unlink(), path.mkdir()), "is not a regular file"),
        (_become_pipe, "is not a regular file"),
        (lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), "is a link to"),
    ],
)
def test_a_value_without_a_file_is_left_out_and_its_data_node_comes(
    taipy: Import, remove: Callable[[Path], object], reason: str
) -> None:
    taipy.source.plan()
    number = taipy.source.record_of_config("number")
    remove(taipy.source.root / f"user_data/pickles/{number}.p")

    report = taipy.run()

    (entry,) = report.left_out
    assert entry.entry == f"value of {number}"
    assert reason in entry.text
    node = taipy.node("number")
    assert (node.id, node.last_edit_id) == (number, None)


def test_a_value_outside_of_the_folder_is_read_where_the_operator_says(
    taipy: Import, tmp_path: Path
) -> None:
    scenario_id = taipy.source.plan()
    number = taipy.source.record_of_config("number")
    elsewhere = tmp_path / "store" / "pickles" / f"{number}.p"
    elsewhere.parent.mkdir(parents=True)
    (taipy.source.root / f"user_data/pickles/{number}.p").rename(elsewhere)
    properties = {"is_generated": True, "path": str(elsewhere)}
    taipy.source.change(number, data_node_properties=properties)

    (entry,) = taipy.run(is_dry_run=True).left_out
    report = taipy.run(elsewhere=tmp_path / "store")

    assert "name the folder that it is in with --values" in entry.text
    assert report.left_out == ()
    assert scenario_rows.exists(taipy.database.reader, scenario_id)


def test_a_file_that_a_user_has_named_stays_where_it_is(taipy: Import) -> None:
    path = taipy.source.root / "number.json"
    taipy.registry = declare(storage_type="json", default_path=str(path))
    taipy.source.put("number.json", 5)
    os.utime(path, (0, 0))
    properties = {"default_path": str(path), "path": str(path), "is_generated": False}
    taipy.source.plan()
    number = taipy.source.record_of_config("number")
    taipy.source.change(number, storage_type="json", data_node_properties=properties)

    report = taipy.run()

    assert (report.left_out, report.notes) == ((), ())
    edit = taipy.newest_edit("number")
    assert (edit.uri, edit.content, edit.digest) == (str(path), None, None)
    assert edit.created_at == datetime.fromisoformat(WRITTEN).replace(tzinfo=UTC)


def test_a_value_whose_config_names_another_file_is_copied(taipy: Import, tmp_path: Path) -> None:
    taipy.registry = declare(storage_type="json", default_path=str(tmp_path / "here.json"))
    taipy.source.plan()
    number = taipy.source.record_of_config("number")
    properties = {"path": "number.json", "is_generated": False}
    taipy.source.put("number.json", 5)
    os.utime(taipy.source.root / "number.json", (0, 0))
    taipy.source.change(number, storage_type="json", data_node_properties=properties)

    report = taipy.run()

    assert "its config names" in said(report.notes)[f"value of {number}"]
    edit = taipy.newest_edit("number")
    assert edit.content == b"5"
    assert edit.kept_as == {"storage_type": "json", "properties": {}}


def test_a_value_of_another_storage_type_than_declared_now_stays_readable(taipy: Import) -> None:
    taipy.registry = declare(storage_type="json")
    taipy.source.plan(7)

    report = taipy.run()

    assert report.notes == ()
    edit = taipy.newest_edit("number")
    assert edit.content == pickle.dumps(7)
    assert edit.kept_as == {"storage_type": "pickle", "properties": {}}
    assert taipy.node("number").storage_type == "json"


def test_configs_that_the_application_lacks_are_named_and_their_entities_come(
    taipy: Import,
) -> None:
    taipy.registry = ConfigRegistry()
    scenario_id = taipy.source.plan()

    report = taipy.run()

    assert list(said(report.notes)) == [
        "task config double",
        "data node config number",
        "data node config result",
        "scenario config plan",
    ]
    assert scenario_rows.exists(taipy.database.reader, scenario_id)
    assert taipy.newest_edit("number").rendition == "1"


def test_copies_of_a_shared_data_node_become_one_with_the_newest_value(taipy: Import) -> None:
    old = taipy.source.node("shared", "old", scope="GLOBAL")
    new = taipy.source.node("shared", "new", scope="GLOBAL", last_edit_date=COMPUTED)
    first, second = (taipy.source.scenario(additional_data_nodes=[item]) for item in (old, new))

    report = taipy.run()

    assert said(report.left_out) == {
        old: f"{new} is the data node of this config and owner; there can be only one"
    }
    for scenario_id in (first, second):
        found = scenario_rows.find(taipy.database.reader, scenario_id)
        assert found is not None
        assert found.additional_data_node_ids == (new,)
    assert taipy.newest_edit("shared").rendition == '"new"'


def test_two_cycles_of_one_period_become_one_with_one_primary_scenario(taipy: Import) -> None:
    first = taipy.source.plan(month=1, primary_scenario=True)
    second = taipy.source.plan(month=1, primary_scenario=True)

    report = taipy.run()

    found = [scenario_rows.find(taipy.database.reader, item) for item in (first, second)]
    assert len({item.cycle_id for item in found if item is not None}) == 1
    assert [item.is_primary for item in found if item is not None] == [True, False]
    assert said(report.notes)[second] == "another scenario of its cycle is the primary one"


def test_a_version_is_chosen_and_the_others_are_named(taipy: Import) -> None:
    taipy.source.plan()
    other = TaipyFolder(taipy.source.root, version="2.0", number=50)
    scenario_id = other.plan()

    report = taipy.run()
    (latest,) = taipy.database.reader.execute(select(tables.scenarios.c.id)).scalars()

    assert (latest, report.version) == (scenario_id, "2.0")
    assert list(said(report.left_out)) == ["version 1.0"]
    assert "6 records" in report.left_out[0].text
    with pytest.raises(NotFoundError, match=r"no version 3\.0; there are: 1\.0, 2\.0"):
        taipy.run(version="3.0")


def test_a_release_of_another_format_is_refused(taipy: Import) -> None:
    TaipyFolder(taipy.source.root, release="5.0.0")

    with pytest.raises(InvalidError, match=r"written by Taipy 5.0.0; what 3.1 to 4.1 write"):
        taipy.run()


def _link_out(path: Path) -> None:
    path.rename(path.parents[3] / "outside.json")
    path.symlink_to(path.parents[3] / "outside.json")


def _rename(path: Path) -> None:
    path.rename(path.with_name(f"{path.stem}0.json"))


def _set(name: str, value: object) -> Callable[[Path], object]:
    return lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "JSON is damaged"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "JSON is damaged"),
        (lambda path: path.write_text("[" * 100_000), "JSON is damaged"),
        (lambda path: path.write_text("[]"), "no JSON object"),
        (lambda path: path.write_text("{}"), "not as Taipy writes it"),
        (_set("id", 7), "not as Taipy writes it"),
        (_set("id", "TASK_../../x"), "not as Taipy makes them"),
        (_set("id", "DATANODE_../../x"), "not as Taipy makes them"),
        (_set("config_id", "a b"), "no identifier"),
        (_set("scope", "<Scope.WORLD: 9>"), "not as Taipy writes it"),
        (_set("last_edit_date", "yesterday"), "not as Taipy writes it"),
        (_set("last_edit_date", "9999-12-31T23:59:59"), "out of range"),
        (_set("storage_type", "punched_card"), "unknown storage type"),
        (_set("owner_id", "SCENARIO_gone"), "its owner SCENARIO_gone is not imported"),
        (_link_out, "is a link to"),
        (_rename, "its file another name"),
        (_become_pipe, "not a regular file"),
        (lambda path: (path.unlink(), path.mkdir()), "is a folder"),
    ],
)
def test_a_bad_record_is_left_out_with_all_that_needs_it_and_the_rest_comes(
    taipy: Import, damage: Callable[[Path], object], reason: str
) -> None:
    good = taipy.source.plan(month=1)
    taipy.source.plan(2)
    bad = sorted(taipy.source.entities.glob("data_nodes/DATANODE_number_*"))[-1]
    damage(bad)

    report = taipy.run()

    assert any(reason in remark.text for remark in report.left_out)
    assert {remark.entry.partition("_")[0] for remark in report.left_out} >= {
        "TASK",
        "SCENARIO",
        "SUBMISSION",
        "JOB",
    }
    assert taipy.database.reader.execute(select(tables.scenarios.c.id)).scalars().all() == [good]


def test_properties_that_cannot_be_stored_are_made_so(taipy: Import) -> None:
    scenario_id = taipy.source.plan()
    path = taipy.source.record_of(scenario_id)
    properties = '{"a": NaN, "b": "x\\u0000y", "c\\ud800": 1}'
    path.write_text(path.read_text().replace('"properties": {}', f'"properties": {properties}'))

    report = taipy.run()

    found = scenario_rows.find(taipy.database.reader, scenario_id)
    assert found is not None
    assert found.properties == {"a": None, "b": "x\ufffdy", "c\ufffd": 1}
    assert (
        "surrogates, which cannot be stored, in 'x\\x00y', 'c\\ud800'"
        in said(report.notes)[scenario_id]
    )


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ("scenario", {"tags": ["a\0"]}),
        ("scenario", {"properties": {"name": "a\ud800"}}),
        ("scenario", {"sequences": {"a\udfff": {"tasks": []}}}),
        ("node", {"data_node_properties": {"owner": "a\0"}}),
        ("node", {"editor_id": "a\0"}),
    ],
)
def test_texts_that_cannot_be_stored_are_told_wherever_they_are(
    taipy: Import, where: str, change: dict[str, Any]
) -> None:
    scenario_id = taipy.source.plan()
    entry = scenario_id if where == "scenario" else taipy.source.record_of_config("number")
    taipy.source.change(entry, **change)

    assert "U+FFFD takes the place" in said(taipy.run().notes)[entry]


def test_what_a_scenario_cannot_have_here_is_left_out_of_it(taipy: Import) -> None:
    deep: Any = {}
    for _ in range(200):
        deep = {"a": deep}
    scenario_id = taipy.source.plan(
        tags=["good", " bad "],
        properties={"name": "a\tb", "deep": deep},
        sequences={" x": {"tasks": []}, "y": {"tasks": ["TASK_z"]}},
        subscribers=[{"fct_module": "m", "fct_name": "f", "fct_params": []}],
    )
    number = taipy.source.record_of_config("number")
    taipy.source.change(number, editor_id="ines", editor_expiration_date="2030-01-01T00:00:00")

    report = taipy.run()

    assert sorted(said(report.left_out)) == sorted(
        [
            f"name of {scenario_id}",
            f"properties of {scenario_id}",
            f"tag ' bad ' of {scenario_id}",
            f"sequence ' x' of {scenario_id}",
            f"sequence 'y' of {scenario_id}",
            f"subscribers of {scenario_id}",
            f"lock of {number}",
        ]
    )
    found = scenario_rows.find(taipy.database.reader, scenario_id)
    assert found is not None
    assert (found.name, found.tags, found.properties) == (None, ("good",), {})


def test_secrets_of_a_config_are_stored_as_references(taipy: Import) -> None:
    taipy.registry.configure_scenario("plan", properties={"api_key": "sesame"})
    scenario_id = taipy.source.plan(properties={"api_key": "sesame"})

    taipy.run()

    found = scenario_rows.find(taipy.database.reader, scenario_id)
    assert found is not None
    assert found.properties == {"api_key": "ENV[SCENARIST_SCENARIO_plan_api_key]"}


@pytest.mark.parametrize("name", ["nothing", "app"])
def test_a_folder_that_is_none_of_taipy_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "app" / "scenarios").mkdir(parents=True)

    with pytest.raises((NotFoundError, InvalidError), match=f"{name}"):
        find_folder(tmp_path / name)


def test_the_latest_version_must_be_known(taipy: Import) -> None:
    taipy.source.plan()
    (taipy.source.entities / "version.json").write_text("{")

    with pytest.raises(InvalidError, match=r"name one with --version; there are: 1\.0"):
        taipy.run()

    report = taipy.run(version="1.0")

    assert added(report)["scenarios"] == 1
    assert "is damaged" in said(report.left_out)["version.json"]


@pytest.mark.parametrize(
    ("damaged", "text"),
    [
        ("2.0", "{"),
        ("1.0", ""),
        ("1.0", "[]"),
        ("1.0", '{"config": "[]"}'),
        ("1.0", "[" * 100_000),
        ("1.0", '{"config": "{\\"CORE\\": 1}"}'),
    ],
)
def test_a_damaged_version_is_told_and_its_entities_come(
    taipy: Import, damaged: str, text: str
) -> None:
    taipy.source.plan()
    (taipy.source.entities / "version" / f"{damaged}.json").write_text(text)

    report = taipy.run()

    assert added(report)["scenarios"] == 1
    (entry,) = report.left_out
    assert entry.entry == f"version/{damaged}.json"
    assert entry.text.startswith("its ")


DAMAGE = {
    "remove": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "of another": lambda path: path.write_bytes(sorted(path.parent.iterdir())[0].read_bytes()),
    "null": lambda path: path.write_text(path.read_text().replace('"', "null", 2)),
    "nothing owned": _set("owner_id", None),
    "nothing used": _set("input_ids", []),
}


@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from(sorted(DAMAGE))), max_size=6))
@settings(max_examples=40)
def test_whatever_is_damaged_the_rest_is_imported_once(
    tmp_path_factory: pytest.TempPathFactory, damages: list[tuple[int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    copy_to(folder / "scenarist.db")
    source = TaipyFolder(folder / "app")
    shared = source.node("shared", "s", scope="GLOBAL")
    source.plan(month=1, additional_data_nodes=[shared])
    source.plan(2, month=2, sequences={"none": {"tasks": []}})
    with Database(f"sqlite:///{folder}/scenarist.db") as database:
        taipy = Import(database, source, folder / "values")
        for position, kind in damages:
            files = sorted(
                path
                for path in source.root.rglob("*")
                if path.is_file() and "version" not in str(path)
            )
            if files:
                with suppress(ValueError, TypeError):  # it is no JSON object any more
                    DAMAGE[kind](files[position % len(files)])

        first = taipy.run()
        again = taipy.run()

        assert added(again) == {}
        assert len(first.left_out) >= len(again.left_out)
        broken = database.reader.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        assert broken == []
        for scenario_id in database.reader.execute(select(tables.scenarios.c.id)).scalars().all():
            assert scenario_rows.find(database.reader, scenario_id) is not None
        for job in taipy.jobs():
            assert job.status.is_finished


def test_a_value_that_was_missing_comes_with_a_later_import(taipy: Import) -> None:
    taipy.source.plan(7)
    number = taipy.source.record_of_config("number")
    path = taipy.source.root / f"user_data/pickles/{number}.p"
    path.rename(path.with_suffix(".aside"))
    taipy.run()
    path.with_suffix(".aside").rename(path)

    report = taipy.run()

    assert added(report) == {"edits": 1}
    assert taipy.newest_edit("number").rendition == "7"


def test_a_submission_with_a_job_that_cannot_be_read_comes_whole_with_a_later_import(
    taipy: Import,
) -> None:
    scenario_id = taipy.source.plan()
    (job,) = taipy.source.entities.glob("jobs/*")
    (submission,) = taipy.source.entities.glob("submission/*")
    taipy.source.change(submission.stem, job_ids=[job.stem])
    text = job.read_text()
    job.write_text(text[:-9])

    first = taipy.run()
    job.write_text(text)
    second = taipy.run()

    assert list(said(first.left_out)) == [job.stem, submission.stem]
    assert added(second) == {"submissions": 1, "jobs": 1}
    assert scenario_rows.exists(taipy.database.reader, scenario_id)


def test_a_value_in_a_table_stays_there_and_keeps_its_date(taipy: Import) -> None:
    taipy.registry = declare(
        storage_type="sql_table", db_name="d", db_engine="sqlite", table_name="t"
    )
    taipy.source.plan()
    number = taipy.source.record_of_config("number")
    taipy.source.change(number, storage_type="sql_table", data_node_properties={})

    report = taipy.run()

    assert (report.left_out, report.notes) == ((), ())
    edit = taipy.newest_edit("number")
    assert edit.created_at == datetime.fromisoformat(WRITTEN).replace(tzinfo=UTC)
    assert (edit.uri, edit.content) == (None, None)


def test_the_folder_of_the_records_may_be_named_instead(taipy: Import) -> None:
    taipy.source.plan()

    records = read_application(find_folder(taipy.source.entities))

    assert len(records.scenarios) == 1
    assert find_folder(taipy.source.entities) == find_folder(taipy.source.root)


def test_what_is_imported_does_not_differ_from_the_application(taipy: Import) -> None:
    taipy.registry = declare(validity_period="2d")
    shared = taipy.source.node("shared", "s", scope="GLOBAL")
    extra = taipy.source.node("extra", storage_type="in_memory")
    taipy.source.plan(month=1, additional_data_nodes=[shared, extra])
    taipy.run()

    declared = load_declared(Application(taipy.registry, ()))
    drift = find_drift(taipy.database.reader, taipy.registry, declared)

    assert drift.lines == []


def test_values_of_unchanged_inputs_are_fresh_and_of_changed_ones_are_not(taipy: Import) -> None:
    first = taipy.source.plan()
    (result,) = taipy.source.entities.glob("data_nodes/DATANODE_result_*")
    second = taipy.source.plan(2)
    changed = sorted(taipy.source.entities.glob("data_nodes/DATANODE_number_*"))[-1].stem
    taipy.source.edit(changed, 41, at="2024-01-12T00:00:00")
    taipy.run()

    made_of = {
        row.data_node_id: row.made_of
        for row in taipy.database.reader.execute(
            select(tables.edits.c.data_node_id, tables.edits.c.made_of)
        )
        if row.data_node_id.startswith("DATANODE_result")
    }

    assert first != second
    assert made_of.pop(result.stem) is not None
    assert list(made_of.values()) == [None]
