"""Inputs of scenarios by name: several in one transaction, with a create or a submit, or alone."""

import datetime
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Connection

from builders import Clock
from scenarist.config import Application, ConfigRegistry
from scenarist.domain.entities import DataNode, Scenario, ScenarioInput, Submission
from scenarist.domain.errors import (
    ChangedError,
    ConflictError,
    DeniedError,
    InvalidError,
    NotFoundError,
)
from scenarist.domain.listings import AuditFilter, PageRequest, ScenarioFilter
from scenarist.domain.permissions import Actor, Origin, Role
from scenarist.domain.vocabulary import (
    EntityType,
    JobStatus,
    PlannedAction,
    Scope,
    SubmissionStatus,
)
from scenarist.executors.inline import InlineExecutor
from scenarist.orchestrator.loop import Orchestrator
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services.scenarios import NewScenario
from scenarist.services.submit_requests import SubmitOptions, SubmitRequest
from scenarist.services.value_maker import ValueMaker
from scenarist.services.value_writer import NewValue, WriteOptions

INES = Actor(
    "ines", frozenset({Role.EDITOR, Role.EXECUTOR}), origin=Origin("::1", "changeScenarioInputs")
)
RITA = Actor("rita", frozenset({Role.READER}))
OMAR = Actor("omar", frozenset({Role.EXECUTOR}))
EDDA = Actor("edda", frozenset({Role.EDITOR}))
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def server(
    database_url: str, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    monkeypatch.chdir(tmp_path)
    settings = Settings(database=database_url, storage=str(tmp_path / "data"))
    application = Application(registry=_registry(tmp_path), search_path=())
    with composition.open_server(
        application, settings, make_executor=InlineExecutor, now=clock
    ) as opened:
        yield opened


def _registry(tmp_path: Path) -> ConfigRegistry:
    registry = ConfigRegistry()
    left = registry.configure_data_node("left", default_data=1)
    right = registry.configure_json_data_node("right")
    total = registry.configure_data_node("total")
    shared = registry.configure_json_data_node("shared", scope=Scope.GLOBAL, default_data=[0])
    filed = registry.configure_json_data_node("filed", default_path=str(tmp_path / "filed.json"))
    rows = registry.configure_data_node("rows", default_data=pd.DataFrame({"sold": [1, 2]}))
    day = registry.configure_data_node("day", default_data=datetime.date(2026, 1, 1))
    bulky = registry.configure_json_data_node("bulky", default_data=["x" * 100_000])
    outside = registry.configure_sql_table_data_node("outside", "d", "sqlite", "t")
    fixed = registry.configure_json_data_node("fixed", default_data=1, read_only=True)
    registry.configure_data_node("elsewhere", default_data=1)
    raised = registry.configure_data_node("raised")
    add = registry.configure_task("add", "pipelines:add", [left, right], total, cache=True)
    raise_ = registry.configure_task("raise", "pipelines:increment", total, raised)
    registry.configure_task("look", "pipelines:nothing", filed)
    registry.configure_scenario(
        "quarter",
        [add, raise_],
        sequences={"half": [add], "rest": [raise_]},
        additional_data_node_configs=[shared, filed, rows, day, bulky, outside, fixed],
    )
    return registry


def make(server: Server, inputs: Mapping[str, Any] | None = None) -> Scenario:
    made = server.services.inputs.create_scenario(
        INES, NewScenario(config_id="quarter"), inputs or {"right": 2}
    )
    return made.scenario


def inputs_of(server: Server, scenario: Scenario) -> dict[str, ScenarioInput]:
    return {item.name: item for item in server.services.inputs.list_inputs(RITA, scenario.id)}


def values_of(server: Server, scenario: Scenario, *names: str) -> list[Any]:
    found = inputs_of(server, scenario)
    return [
        json.loads(server.services.values.read(RITA, found[name].data_node_id).show().text)
        for name in names
    ]


def run_jobs(server: Server) -> None:
    orchestrator = server.orchestration.orchestrator
    assert isinstance(orchestrator, Orchestrator)
    while orchestrator.step():
        pass


def submit(
    server: Server,
    entity_id: str,
    inputs: Mapping[str, Any],
    kind: EntityType = EntityType.SCENARIO,
    key: str | None = None,
    actor: Actor = INES,
) -> Submission:
    options = SubmitOptions(idempotency_key=key)
    request = SubmitRequest(actor, kind, entity_id, options, inputs=inputs)
    return server.services.inputs.submit(actor, request)


def paths_of(error: pytest.ExceptionInfo[InvalidError]) -> list[str]:
    return [fault["pointer"] for fault in error.value.errors]


def count_scenarios(server: Server) -> int:
    page = server.services.scenarios.list_page(RITA, ScenarioFilter(), PageRequest(limit=100))
    return len(page.items)


class TestCreating:
    def test_a_scenario_has_the_values_that_it_was_created_with(self, server: Server) -> None:
        scenario = make(server, {"left": 20, "right": {"a": [1, None]}, "filed": "here"})

        assert values_of(server, scenario, "left", "right", "filed") == [
            20,
            {"a": [1, None]},
            "here",
        ]
        assert values_of(server, scenario, "shared", "day") == [[0], "2026-01-01"]

    def test_a_value_gets_the_types_of_the_default_that_it_replaces(self, server: Server) -> None:
        scenario = make(server, {"rows": [{"sold": 5}], "day": "2027-02-03", "bulky": ["y"]})

        edits = {
            name: server.services.edits.get(RITA, item.data_node_id, item.edit_id or "")
            for name, item in inputs_of(server, scenario).items()
            if name in {"rows", "day"}
        }
        assert edits["rows"].python_type is not None
        assert "DataFrame" in edits["rows"].python_type
        assert edits["day"].python_type == "datetime.date"
        assert values_of(server, scenario, "rows", "day", "bulky") == [
            [{"sold": 5}],
            "2027-02-03",
            ["y"],
        ]

    def test_a_large_value_is_stored_in_a_file_that_stays(
        self, server: Server, tmp_path: Path
    ) -> None:
        scenario = make(server, {"right": ["z" * 200_000], "bulky": ["z" * 300_000]})

        values = values_of(server, scenario, "right", "bulky")
        assert [len(value[0]) for value in values] == [200_000, 300_000]
        files = list((tmp_path / "data").rglob("*.json"))
        assert len(files) == 3  # those of both inputs, and of the default of one

    def test_a_large_value_is_made_once_and_not_within_the_transaction(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_value, made = ValueMaker.make, []

        def make_noted(self: ValueMaker, node: DataNode, *given: Any, **options: Any) -> NewValue:
            made.append((node.config_id, "folder" in options))
            return make_value(self, node, *given, **options)

        monkeypatch.setattr(ValueMaker, "make", make_noted)
        make(server, {"right": ["z" * 200_000]})

        assert made == [("right", False)]

    def test_the_edit_names_who_wrote_it_and_the_audit_has_the_data_node(
        self, server: Server
    ) -> None:
        scenario = make(server, {"right": 2})

        item = inputs_of(server, scenario)["right"]
        edit = server.services.edits.get(RITA, item.data_node_id, item.edit_id or "")
        assert (edit.actor, edit.author) == ("ines", INES.ref)
        assert audited(server, item.data_node_id) == ["changeScenarioInputs"]

    def test_a_shared_input_is_written_for_all(self, server: Server) -> None:
        first = make(server)

        make(server, {"shared": [1, 2]})

        assert values_of(server, first, "shared") == [[1, 2]]

    @pytest.mark.parametrize(
        ("inputs", "paths", "said"),
        [
            ({"lefd": 1}, ["/inputs/lefd"], "did you mean 'left'"),
            ({"a/b~": 1}, ["/inputs/a~1b~0"], "its inputs are: left, right, shared"),
            ({"total": 1}, ["/inputs/total"], "a task of the scenario writes"),
            ({"elsewhere": 1}, ["/inputs/elsewhere"], "no such input"),
            ({"outside": []}, ["/inputs/outside"], "kept outside, as sql_table"),
            (
                {"x": 1, "left": 5, "raised": 2, "y": 3},
                ["/inputs/x", "/inputs/raised", "/inputs/y"],
                "no such input",
            ),
        ],
    )
    def test_names_that_are_not_those_of_inputs_are_refused_together(
        self, server: Server, inputs: dict[str, Any], paths: list[str], said: str
    ) -> None:
        with pytest.raises(InvalidError, match=said) as error:
            make(server, inputs)

        assert paths_of(error) == paths
        assert count_scenarios(server) == 0

    def test_values_that_storages_cannot_store_are_refused_together(
        self, server: Server, tmp_path: Path
    ) -> None:
        with pytest.raises(InvalidError, match=r"inputs\.day: ") as error:
            make(server, {"day": {"no": "date"}, "left": 7, "filed": 1, "rows": [[1], {"a": 1}, 3]})

        assert set(paths_of(error)) <= {"/inputs/day", "/inputs/rows"}
        assert count_scenarios(server) == 0
        assert not (tmp_path / "filed.json").exists()
        assert leftovers(tmp_path) == []

    def test_an_input_that_must_not_be_written_refuses_everything(
        self, server: Server, tmp_path: Path
    ) -> None:
        with pytest.raises(ConflictError, match="read-only"):
            make(server, {"filed": 1, "right": ["z" * 200_000], "fixed": 2})

        assert count_scenarios(server) == 0
        assert leftovers(tmp_path) == []


def audited(server: Server, entity_id: str) -> list[str]:
    admin = Actor("root", frozenset({Role.ADMIN}))
    page = server.services.audit.list_page(
        admin, AuditFilter(entity_id=(entity_id,)), PageRequest(limit=10)
    )
    return [entry.operation for entry in page.items]


def leftovers(folder: Path) -> list[Path]:
    """Return all files of values, and what is left of writing them."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and (path.suffix in {".json", ".p"} or ".staged" in path.name)
    ]


class TestChanging:
    def test_several_inputs_are_written_at_once(self, server: Server) -> None:
        scenario = make(server)

        found = server.services.inputs.change(
            INES, scenario.id, {"left": 3, "filed": [1]}, WriteOptions(comment="why")
        )

        by_name = {item.name: item for item in found}
        assert list(by_name)[:3] == ["left", "right", "shared"]
        assert (by_name["left"].value, by_name["right"].value) == ("3", "2")
        assert by_name["filed"].value is None  # others may change the file
        edit = server.services.edits.get(
            RITA, by_name["filed"].data_node_id, by_name["filed"].edit_id or ""
        )
        assert edit.comment == "why"
        assert values_of(server, scenario, "filed") == [[1]]

    def test_of_inputs_of_which_one_is_locked_none_is_written(
        self, server: Server, tmp_path: Path
    ) -> None:
        scenario = make(server, {"filed": "before"})
        nodes, files = inputs_of(server, scenario), leftovers(tmp_path)
        server.services.data_nodes.lock(EDDA, nodes["right"].data_node_id, lasts=HOUR)

        with pytest.raises(ConflictError, match="locked by edda"):
            server.services.inputs.change(INES, scenario.id, {"filed": "after", "right": 5})

        assert inputs_of(server, scenario) == nodes
        assert json.loads((tmp_path / "filed.json").read_text()) == "before"
        assert leftovers(tmp_path) == files

    def test_unchanged_inputs_may_be_demanded(self, server: Server) -> None:
        scenario = make(server)

        def refuse(inputs: Any) -> None:
            raise ChangedError(f"{len(inputs)} inputs")

        with pytest.raises(ChangedError, match="9 inputs"):
            server.services.inputs.change(INES, scenario.id, {"left": 5}, expect=refuse)

        assert values_of(server, scenario, "left") == [1]

    def test_a_file_is_restored_when_the_commit_fails(
        self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scenario = make(server, {"filed": "before"})
        files = leftovers(tmp_path)

        def fail(connection: Connection, *_: object) -> None:
            raise RuntimeError("out of luck")

        monkeypatch.setattr("scenarist.db.inputs.find_present_edits", fail)
        with pytest.raises(RuntimeError, match="out of luck"):
            server.services.inputs.change(INES, scenario.id, {"filed": "after"})

        assert json.loads((tmp_path / "filed.json").read_text()) == "before"
        assert leftovers(tmp_path) == files

    def test_those_who_write_at_once_write_all_or_nothing(self, server: Server) -> None:
        scenario = make(server)

        def write(number: int) -> None:
            value = [number, "x" * 100_000]
            server.services.inputs.change(INES, scenario.id, {"right": value, "bulky": value})

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(write, range(6)))

        right, bulky = values_of(server, scenario, "right", "bulky")
        assert right == bulky

    def test_a_first_value_releases_the_jobs_that_wait_for_it(self, server: Server) -> None:
        scenario = make(server, {"left": 4})
        submission = server.services.submissions.submit(
            INES, EntityType.SCENARIO, scenario.id, SubmitOptions()
        )
        run_jobs(server)

        server.services.inputs.change(INES, scenario.id, {"right": 6})
        run_jobs(server)

        ended = server.services.submissions.get(RITA, submission.id)
        assert ended.status is SubmissionStatus.COMPLETED

    @pytest.mark.parametrize("actor", [RITA, OMAR])
    def test_only_those_who_may_write_data_nodes_may_write_inputs(
        self, server: Server, actor: Actor
    ) -> None:
        scenario = make(server)

        with pytest.raises(DeniedError, match="TAIPY_EDITOR"):
            server.services.inputs.change(actor, scenario.id, {"left": 5})

    def test_an_unknown_scenario_has_no_inputs(self, server: Server) -> None:
        with pytest.raises(NotFoundError, match="no scenario"):
            server.services.inputs.change(INES, "SCENARIO_quarter_x", {"left": 5})
        with pytest.raises(NotFoundError, match="no scenario"):
            server.services.inputs.list_inputs(INES, "SCENARIO_quarter_x")


class TestSubmitting:
    def test_the_jobs_read_the_values_of_their_request_and_earlier_ones_do_not(
        self, server: Server
    ) -> None:
        scenario = make(server, {"left": 1, "right": 1})
        submit(server, scenario.id, {"left": 10})
        submit(server, scenario.id, {"left": 20, "right": 5})
        run_jobs(server)

        assert sorted(edits_of(server, scenario, "raised")) == ["12", "26"]  # all at one moment

    def test_a_sequence_takes_inputs_of_its_scenario(self, server: Server) -> None:
        scenario = make(server)
        half = next(item.id for item in scenario.sequences if item.name == "half")

        submit(server, half, {"left": 7}, EntityType.SEQUENCE)
        run_jobs(server)

        assert edits_of(server, scenario, "total") == ["9"]

    def test_a_plan_takes_from_the_cache_what_the_submit_would(self, server: Server) -> None:
        submit(server, make(server).id, {"left": 7, "right": 5})
        run_jobs(server)
        other, inputs = make(server), {"right": 5, "left": 7}

        planned = server.services.inputs.plan(RITA, EntityType.SCENARIO, other.id, inputs)
        submission = submit(server, other.id, inputs)
        run_jobs(server)

        job = server.services.jobs.get(RITA, submission.job_ids[0])
        assert [task.action for task in planned] == [PlannedAction.TAKE, PlannedAction.RUN]
        assert (job.status, job.cached_from is None) == (JobStatus.SKIPPED, False)

    def test_a_repeat_with_the_same_key_writes_nothing(self, server: Server) -> None:
        scenario = make(server)
        first = submit(server, scenario.id, {"left": 7}, key="k")
        server.services.inputs.change(INES, scenario.id, {"left": 8})

        again = submit(server, scenario.id, {"left": 7}, key="k")

        assert again.id == first.id
        assert values_of(server, scenario, "left") == [8]

    def test_a_key_is_not_for_other_values(self, server: Server) -> None:
        scenario = make(server)
        submit(server, scenario.id, {"left": 7}, key="k")

        with pytest.raises(ConflictError, match="already used for another"):
            submit(server, scenario.id, {"left": 9}, key="k")

        assert values_of(server, scenario, "left") == [7]

    def test_those_who_use_one_key_at_once_submit_once(
        self, server: Server, tmp_path: Path
    ) -> None:
        scenario = make(server)
        value = ["x" * 100_000]

        def ask(_: int) -> str:
            return submit(server, scenario.id, {"bulky": value}, key="k").id

        with ThreadPoolExecutor(6) as threads:
            made = set(threads.map(ask, range(6)))

        assert len(made) == 1
        assert len(edits_of(server, scenario, "bulky")) == 2
        assert len(leftovers(tmp_path / "data")) == 2  # the default, and the value

    def test_a_submit_that_is_refused_writes_nothing(self, server: Server, tmp_path: Path) -> None:
        scenario = make(server, {"filed": "before"})
        locked = node_of(server, scenario, "total")
        server.services.data_nodes.lock(EDDA, locked, lasts=HOUR)

        with pytest.raises(ConflictError, match="locked by edda"):
            submit(server, scenario.id, {"left": 7, "filed": "after"}, actor=INES)

        assert values_of(server, scenario, "left", "filed") == [1, "before"]
        assert json.loads((tmp_path / "filed.json").read_text()) == "before"

    def test_a_file_that_a_job_under_way_reads_is_not_replaced(self, server: Server) -> None:
        scenario = make(server, {"filed": [0]})
        reads_file(server, scenario)

        with pytest.raises(ConflictError, match="is read by job"):
            submit(server, scenario.id, {"filed": [1], "left": 9})

        assert values_of(server, scenario, "left", "filed") == [1, [0]]

    @pytest.mark.parametrize(
        ("actor", "missing"), [(OMAR, "TAIPY_EDITOR"), (EDDA, "TAIPY_EXECUTOR")]
    )
    def test_both_roles_are_required(self, server: Server, actor: Actor, missing: str) -> None:
        scenario = make(server)

        with pytest.raises(DeniedError, match=missing):
            submit(server, scenario.id, {"left": 7}, actor=actor)

    def test_faults_are_those_of_a_create(self, server: Server) -> None:
        scenario = make(server)

        with pytest.raises(InvalidError, match="no such input") as error:
            submit(server, scenario.id, {"left": 7, "nope": 1, "total": 2})

        assert paths_of(error) == ["/inputs/nope", "/inputs/total"]
        assert values_of(server, scenario, "left") == [1]

    def test_an_unknown_entity_is_not_found(self, server: Server) -> None:
        for kind in (EntityType.SCENARIO, EntityType.SEQUENCE):
            with pytest.raises(NotFoundError):
                submit(server, "SEQUENCE_x", {"left": 7}, kind)


def node_of(server: Server, scenario: Scenario, config_id: str) -> str:
    return next(
        node for node in scenario.data_node_ids if node.startswith(f"DATANODE_{config_id}_")
    )


def edits_of(server: Server, scenario: Scenario, config_id: str) -> list[str]:
    """Return the values of all edits of a data node, the oldest first."""
    node = node_of(server, scenario, config_id)
    page = server.services.edits.list_page(RITA, node, PageRequest(limit=100))
    return [
        server.services.values.read(RITA, node, edit_id=edit.id).show().text
        for edit in reversed(page.items)
    ]


def reads_file(server: Server, scenario: Scenario) -> None:
    """Submit a job that reads the file, and is not run."""
    task, _ = server.services.tasks.create(INES, "look")
    server.services.submissions.submit(INES, EntityType.TASK, task.id, SubmitOptions())


def test_the_file_of_an_input_is_that_of_the_scenario_that_is_created(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    registry = ConfigRegistry()
    path = f"{tmp_path}/{{scenario.id}}.json"
    registry.configure_json_data_node("filed", default_path=path)
    registry.configure_scenario("quarter", None, "filed")
    settings = Settings(database=f"sqlite:///{tmp_path}/one.db", storage=str(tmp_path / "data"))
    with composition.open_server(
        Application(registry=registry, search_path=()), settings, make_executor=InlineExecutor
    ) as server:
        scenario = make(server, {"filed": 1})

    assert [found.name for found in tmp_path.glob("SCENARIO*")] == [f"{scenario.id}.json"]
