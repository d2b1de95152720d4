"""An application that changes: what it declares now, over the records of what it declared."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scenarist.config import Application, ConfigRegistry
from scenarist.domain.behaviours import Behaviour
from scenarist.domain.entities import Job
from scenarist.domain.errors import ConflictError, InvalidError, NotFoundError
from scenarist.domain.listings import (
    DataNodeListFilter,
    JobFilter,
    PageRequest,
    ScenarioFilter,
    TaskFilter,
)
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import EntityType, JobStatus, Scope
from scenarist.executors.inline import InlineExecutor
from scenarist.orchestrator.loop import Orchestrator
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services.scenarios import NewScenario
from scenarist.services.submit_requests import SubmitOptions

TESTS = str(Path(__file__).parents[1])
ALL = PageRequest(limit=100)
Declare = Callable[[ConfigRegistry], object]
Serve = Callable[[Declare], AbstractContextManager["Running"]]


class Running:
    """A server of one version of an application, whose steps the test takes."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.services = server.services

    def create(self, config_id: str = "s", **new: Any) -> str:
        scenario = self.services.scenarios.create(ANYONE, NewScenario(config_id=config_id, **new))
        return scenario.id

    def submit(self, scenario_id: str) -> dict[str, Job]:
        """Submit a scenario and run what can be run; return its jobs by task config."""
        submission = self.services.submissions.submit(
            ANYONE, EntityType.SCENARIO, scenario_id, SubmitOptions()
        )
        self.run()
        return self.jobs(submission.id)

    def jobs(self, submission_id: str) -> dict[str, Job]:
        found = self.services.jobs.list_page(ANYONE, JobFilter(submission_id=(submission_id,)), ALL)
        tasks = {task.id: task.config_id for task in self.tasks()}
        return {tasks[job.task_id]: job for job in found.items}

    def run(self) -> None:
        orchestrator = self.server.orchestration.orchestrator
        assert isinstance(orchestrator, Orchestrator)
        for _ in range(12):
            orchestrator.step()

    def tasks(self) -> list[Any]:
        return self.services.tasks.list_page(ANYONE, TaskFilter(), ALL).items

    def node(self, scenario_id: str, config_id: str) -> Any:
        wanted = DataNodeListFilter(scenario_id=(scenario_id,), config_id=(config_id,))
        (found,) = self.services.data_nodes.list_page(ANYONE, wanted, ALL).items
        return found

    def read(self, scenario_id: str, config_id: str) -> str:
        node = self.node(scenario_id, config_id)
        return self.services.values.read(ANYONE, node.id).show().text

    def write(self, scenario_id: str, config_id: str, value: object) -> None:
        self.services.values.write(ANYONE, self.node(scenario_id, config_id).id, value)

    def edits(self, scenario_id: str, config_id: str) -> list[Any]:
        node = self.node(scenario_id, config_id)
        return self.services.edits.list_page(ANYONE, node.id, ALL).items

    def reasons(self, scenario_id: str) -> tuple[str, ...]:
        return self.services.scenarios.get(ANYONE, scenario_id).submit


@pytest.fixture
def serve(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    monkeypatch.chdir(tmp_path)

    @contextmanager
    def opened(declare: Declare) -> Iterator[Running]:
        registry = ConfigRegistry()
        declare(registry)
        settings = Settings(database=database_url, storage=str(tmp_path / "data"))
        application = Application(registry, (TESTS,))
        with composition.open_server(application, settings, make_executor=InlineExecutor) as server:
            yield Running(server)

    return opened


def chain(
    function: str = "pipelines:increment",
    *,
    inputs: tuple[str, ...] = ("x",),
    nodes: Mapping[str, Mapping[str, Any]] | None = None,
    scope: Scope = Scope.SCENARIO,
    **options: Any,
) -> Declare:
    """Declare a scenario of one task over json data nodes, the inputs with values 1, 2, …."""

    def declare(registry: ConfigRegistry) -> None:
        for number, name in enumerate((*inputs, "y"), 1):
            given: dict[str, Any] = {"storage_type": "json", "scope": scope}
            if name != "y":
                given["default_data"] = number
            registry.configure_data_node(name, **{**given, **(nodes or {}).get(name, {})})
        registry.configure_task("t", function, list(inputs), "y", **options)
        registry.configure_scenario("s", ["t"])

    return declare


def test_a_scenario_runs_the_function_that_its_task_has_now(serve: Serve) -> None:
    with serve(chain("pipelines:gone_by_now")) as first:
        scenario = first.create()

    with serve(chain("pipelines:increment")) as second:
        jobs = second.submit(scenario)
        shown = {task.function for task in second.tasks()}

        assert jobs["t"].status is JobStatus.COMPLETED
        assert second.read(scenario, "y") == "2"
        assert shown == {"pipelines:increment"}
        assert jobs["t"].function == "pipelines:increment"


CHANGED = Behaviour(
    function="pipelines:same",
    skippable=True,
    timeout=timedelta(seconds=7),
    retries=3,
    retry_delay=timedelta(seconds=9),
    retry_on=("builtins:ValueError",),
    retries_after_loss=5,
    fresh=True,
    properties={"cpus": 2},
)


@pytest.mark.parametrize("scope", [Scope.SCENARIO, Scope.GLOBAL])
def test_each_part_of_what_a_task_does_is_taken_from_its_declaration(
    serve: Serve, scope: Scope
) -> None:
    with serve(chain(scope=scope)) as first:
        first.create()
        before = Behaviour.of(first.tasks()[0]).as_fields()
    options = CHANGED.as_fields()
    options |= options.pop("properties")

    with serve(chain(options.pop("function"), scope=scope, **options)) as second:
        second.create()

        assert {str(Behaviour.of(task)) for task in second.tasks()} == {str(CHANGED)}
        assert all(before[name] != value for name, value in CHANGED.as_fields().items())


def test_a_task_with_another_input_is_not_run_with_the_wrong_arguments(serve: Serve) -> None:
    with serve(chain()) as first:
        scenario = first.create()
        submission = first.services.submissions.submit(
            ANYONE, EntityType.SCENARIO, scenario, SubmitOptions()
        )

    with serve(chain("pipelines:add", inputs=("x", "more"))) as second:
        second.run()
        (job,) = second.jobs(submission.id).values()
        (reason,) = second.reasons(scenario)

        assert reason == (
            "task 't' was created as (x) -> (y), but the application now declares it as "
            "(x, more) -> (y); upgrade the scenario, or restore the declaration"
        )
        assert (job.status, job.reason) == (JobStatus.FAILED, reason)
        with pytest.raises(
            ConflictError, match="cannot be submitted: task 't' was created"
        ) as refusal:
            second.submit(scenario)
        assert refusal.value.reason == "application_changed"
        assert second.submit(second.create())["t"].status is JobStatus.COMPLETED


def test_a_task_that_scenarios_share_is_another_one_when_it_reads_something_else(
    serve: Serve,
) -> None:
    with serve(chain(scope=Scope.GLOBAL)) as first:
        old = first.create()

    with serve(chain("pipelines:add", inputs=("x", "more"), scope=Scope.GLOBAL)) as second:
        new = second.create()
        jobs = second.submit(new)

        assert jobs["t"].status is JobStatus.COMPLETED
        assert second.read(new, "y") == "3"
        assert second.reasons(old) != ()
        assert second.reasons(new) == ()


def test_what_is_not_declared_any_more_is_not_submittable_and_says_so(serve: Serve) -> None:
    with serve(chain()) as first:
        scenario = first.create()

    def other(registry: ConfigRegistry) -> None:
        registry.configure_scenario("other", [registry.configure_task("u", "pipelines:nothing")])

    with serve(other) as second:
        reasons = second.reasons(scenario)

        assert [reason.split(";")[0] for reason in reasons] == [
            "the application no longer declares the scenario config 's'",
            "the application no longer declares the task 't'",
        ]
        with pytest.raises(ConflictError, match="no longer declares the scenario config 's'"):
            second.submit(scenario)
        assert second.read(scenario, "x") == "1"


@pytest.mark.parametrize("scope", [Scope.SCENARIO, Scope.GLOBAL])
def test_a_data_node_lies_where_it_is_declared_to_lie_now(
    serve: Serve, scope: Scope, tmp_path: Path
) -> None:
    Path("a.json").write_text("10")
    Path("b.json").write_text("20")
    with serve(chain(scope=scope, nodes={"x": {"default_path": "a.json"}})) as first:
        scenario = first.create()
        first.submit(scenario)

    with serve(chain(scope=scope, nodes={"x": {"default_path": "b.json"}})) as second:
        second.submit(scenario)
        before, after = second.edits(scenario, "x")

        assert second.read(scenario, "y") == "21"
        assert second.node(scenario, "x").properties == {"default_path": "b.json"}
        assert after.comment == "the configuration changed: default_path 'a.json' -> 'b.json'"
        node = second.node(scenario, "x")
        assert second.services.values.read(ANYONE, node.id, edit_id=before.id).show().text == "10"


def test_a_job_that_waits_at_a_mistyped_path_runs_once_the_path_is_mended(serve: Serve) -> None:
    Path("orders.json").write_text("5")

    def at(path: str) -> Declare:
        return chain(nodes={"x": {"default_path": path, "default_data": None}})

    with serve(at("ordres.json")) as first:
        scenario = first.create()
        submission = first.services.submissions.submit(
            ANYONE, EntityType.SCENARIO, scenario, SubmitOptions()
        )

    with serve(at("orders.json")) as second:
        second.run()

        assert second.jobs(submission.id)["t"].status is JobStatus.COMPLETED
        assert second.read(scenario, "y") == "6"


def test_an_input_whose_new_place_is_empty_has_no_value(serve: Serve) -> None:
    Path("a.json").write_text("10")
    with serve(chain(nodes={"x": {"default_path": "a.json"}})) as first:
        scenario = first.create()

    with serve(chain(nodes={"x": {"default_path": "b.json"}})) as second:
        with pytest.raises(NotFoundError, match="has no value yet"):
            second.read(scenario, "x")
        assert second.edits(scenario, "x")[-1].comment is not None


@pytest.mark.parametrize("new", [{"default_path": "made.json"}, {"storage_type": "pickle"}])
def test_an_output_that_moves_keeps_its_value_until_its_task_has_run(
    serve: Serve, new: dict[str, str]
) -> None:
    with serve(chain(skippable=True)) as first:
        scenario = first.create()
        first.submit(scenario)

    with serve(chain("pipelines:same", skippable=True, nodes={"y": new})) as second:
        kept = second.read(scenario, "y")
        jobs = second.submit(scenario)

        assert kept == "2"
        assert jobs["t"].status is JobStatus.COMPLETED
        assert second.read(scenario, "y") == "1"


def test_a_job_reads_the_value_that_it_was_promised_in_the_form_that_it_has(serve: Serve) -> None:
    with serve(chain()) as first:
        scenario = first.create()
        submission = first.services.submissions.submit(
            ANYONE, EntityType.SCENARIO, scenario, SubmitOptions()
        )

    with serve(chain(nodes={"x": {"storage_type": "pickle"}})) as second:
        second.run()

        assert second.jobs(submission.id)["t"].status is JobStatus.COMPLETED
        second.write(scenario, "x", 41)
        second.submit(scenario)
        assert second.read(scenario, "y") == "42"


def test_a_second_start_with_the_same_declarations_changes_nothing(serve: Serve) -> None:
    Path("a.json").write_text("10")
    declare = chain(nodes={"x": {"default_path": "a.json"}})
    with serve(declare) as first:
        scenario = first.create()
        edits = first.edits(scenario, "x")

    with serve(declare) as second:
        assert second.edits(scenario, "x") == edits
        assert second.services.scenarios.get(ANYONE, scenario).submit == ()


def test_a_validity_period_is_that_of_the_declaration(serve: Serve) -> None:
    with serve(chain()) as first:
        scenario = first.create()

    with serve(chain(nodes={"x": {"validity_period": timedelta(days=2)}})) as second:
        node = second.node(scenario, "x")
        assert node.validity == timedelta(days=2)
        assert len(second.edits(scenario, "x")) == 1


def test_each_scenario_has_a_place_of_its_own_by_a_placeholder(
    serve: Serve, tmp_path: Path
) -> None:
    path = "out/{scenario.properties.region}/{scenario.name}/{scenario.id}.json"
    with serve(chain(nodes={"y": {"default_path": path}})) as running:
        one = running.create(name="../../etc", properties={"region": "north"})
        other = running.create(name="plan", properties={"region": "north"})
        running.submit(one)
        running.submit(other)

        assert running.read(one, "y") == running.read(other, "y") == "2"
        assert Path(f"out/north/plan/{other}.json").is_file()
        files = [file.resolve() for file in tmp_path.rglob(f"{one}.json")]
        assert [file.is_relative_to(tmp_path / "out" / "north") for file in files] == [True]


def test_a_scenario_without_what_a_placeholder_needs_is_refused(serve: Serve) -> None:
    with serve(chain(nodes={"y": {"default_path": "{scenario.properties.region}"}})) as running:
        with pytest.raises(InvalidError, match="give the scenario the property 'region'"):
            running.create()
        assert running.tasks() == []


def test_a_value_that_another_scenario_has_replaced_is_told_and_never_shown(serve: Serve) -> None:
    with serve(chain(nodes={"y": {"default_path": "out.json"}})) as running:
        one, other = running.create(), running.create()
        running.write(one, "x", 10)
        running.submit(one)
        running.submit(other)
        theirs = running.node(other, "y").id

        assert running.read(other, "y") == "2"
        assert running.node(one, "y").replaced_by == theirs
        with pytest.raises(ConflictError, match=f"data node {theirs} has written to the same"):
            running.read(one, "y")
        node = running.node(one, "y")
        with pytest.raises(ConflictError, match=f"data node {theirs} has written to the same"):
            running.services.values.append(ANYONE, node.id, 3)
        past = running.services.values.read(ANYONE, node.id, edit_id=node.last_edit_id)
        assert past.show().text == "11"
        running.submit(one)
        assert running.read(one, "y") == "11"
        assert running.node(other, "y").replaced_by == running.node(one, "y").id


def test_a_new_scenario_does_not_take_what_another_has_written_for_its_own_value(
    serve: Serve,
) -> None:
    with serve(chain(nodes={"y": {"default_path": "out.json"}})) as running:
        running.submit(running.create())
        new = running.create()

        with pytest.raises(NotFoundError, match="has no value yet"):
            running.read(new, "y")


def of_version(version: str, declare: Declare) -> Declare:
    def declare_all(registry: ConfigRegistry) -> None:
        registry.configure_core(version_number=version)
        declare(registry)

    return declare_all


def test_each_edit_has_the_version_that_wrote_it(serve: Serve, tmp_path: Path) -> None:
    def versions(running: Running, scenario: str, config_id: str) -> list[str | None]:
        return [edit.version for edit in running.edits(scenario, config_id)]

    with serve(of_version("1.0", chain())) as first:
        scenario = first.create()
        first.submit(scenario)
        first.write(scenario, "x", 5)

        assert versions(first, scenario, "x") == ["1.0", "1.0"]  # the default, and the write
        assert versions(first, scenario, "y") == ["1.0"]  # of the job
        default_and_write = versions(first, scenario, "x")

    (tmp_path / "x.json").write_text("8")
    moved = chain(nodes={"x": {"default_path": "x.json"}, "y": {"default_path": "y.json"}})
    with serve(of_version("2.0", moved)) as second:
        # Its value is what somebody has put there; y has none there, and keeps the one it has.
        assert versions(second, scenario, "x") == [*default_and_write, None]
        assert versions(second, scenario, "y") == ["1.0", "2.0"]

        second.submit(scenario)

        assert versions(second, scenario, "y") == ["1.0", "2.0", "2.0"]


def test_versions_share_what_is_global_and_each_submits_what_the_other_has_made(
    serve: Serve,
) -> None:
    def application(version: str, function: str) -> Declare:
        return of_version(
            version, chain(f"pipelines:{function}", nodes={"x": {"scope": Scope.GLOBAL}})
        )

    with serve(application("1.0", "increment")) as first:
        old = first.create()
        first.write(old, "x", 5)
        shared = first.node(old, "x").id

    with serve(application("2.0", "same")) as second:
        new = second.create()
        jobs = second.submit(old)
        listed = {
            versions: [
                item.id
                for item in second.services.scenarios.list_page(
                    ANYONE, ScenarioFilter(version=versions), ALL
                ).items
            ]
            for versions in ((), ("1.0",), ("2.0",))
        }
        submission = second.services.submissions.get(ANYONE, jobs["t"].submission_id)

        assert second.node(new, "x").id == shared
        assert second.node(new, "x").version == "1.0"
        assert second.read(new, "x") == "5"
        assert listed == {(): [old, new], ("1.0",): [old], ("2.0",): [new]}
        assert (jobs["t"].version, submission.version) == ("2.0", "2.0")
        assert second.read(old, "y") == "5"  # what the function of version 2.0 returns
