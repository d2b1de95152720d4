"""The paths against a small model: whatever the order of requests, both say the same."""

from dataclasses import dataclass, field
from typing import Any

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from servers import StartedServer

API = "/api/v1"
TASKS = ("first", "second")
names = st.sampled_from(["plan", "outlook", "über allem", "a/b", "two words"])
odd_names = st.sampled_from(["", " blank", "x" * 129, "line\nbreak"])
task_choices = st.lists(st.sampled_from(TASKS), max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@dataclass
class ModelScenario:
    """What the server should know of a scenario."""

    id: str
    task_of: dict[str, str]
    node_of: dict[str, str]
    name: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    sequences: dict[str, list[str]] = field(default_factory=dict)  #: tasks by name
    values: dict[str, Any] = field(default_factory=dict)  #: by data node
    submissions: set[str] = field(default_factory=set)


class PathMachine(RuleBasedStateMachine):
    """Scenarios of one config, with their sequences, values and submissions."""

    server: StartedServer

    def __init__(self) -> None:
        super().__init__()
        self.scenarios: dict[str, ModelScenario] = {}
        self.gone: set[str] = set()  # paths of what was deleted

    def ask(self, method: str, path: str, expected: int, **options: Any) -> httpx.Response:
        response = self.server.http.request(method, f"{API}/{path}", **options)
        assert response.status_code == expected, (method, path, response.text)
        return response

    def some(self, data: st.DataObject) -> ModelScenario:
        return self.scenarios[data.draw(st.sampled_from(sorted(self.scenarios)))]

    def sequence_of(self, scenario: ModelScenario, name: str) -> str | None:
        """Return a sequence's identifier, as its scenario shows it."""
        shown = self.ask("GET", f"scenarios/{scenario.id}", 200).json()["scenario"]
        found = shown["sequences"].get(name)
        return None if found is None else str(found["id"])

    @initialize()
    def create_the_first_scenario(self) -> None:
        self.create_scenario()

    @rule()
    def create_another_scenario(self) -> None:
        self.create_scenario()

    def create_scenario(self) -> None:
        made = self.server.create("chain")
        self.scenarios[made["id"]] = ModelScenario(
            id=made["id"],
            task_of=made["task_of"],
            node_of=made["node_of"],
            sequences={
                "all of it": [made["task_of"][name] for name in TASKS],
                "half": [made["task_of"]["first"]],
            },
            values={made["node_of"]["start"]: 1},
        )

    @precondition(lambda self: self.scenarios)
    @rule(data=st.data(), name=names | st.none(), properties=st.dictionaries(names, json_values))
    def change_scenario(
        self, data: st.DataObject, name: str | None, properties: dict[str, Any]
    ) -> None:
        scenario = self.some(data)
        body = {"name": name, "properties": properties}

        self.ask("PATCH", f"scenarios/{scenario.id}", 200, json=body)

        scenario.name = name
        scenario.properties = merged(scenario.properties, properties)

    @precondition(lambda self: self.scenarios)
    @rule(data=st.data())
    def delete_scenario(self, data: st.DataObject) -> None:
        scenario = self.some(data)
        owned = [f"scenarios/{scenario.id}"]
        owned += [f"tasks/{id}" for id in scenario.task_of.values()]
        owned += [f"datanodes/{id}" for id in scenario.node_of.values()]
        owned += [f"submissions/{id}" for id in scenario.submissions]

        self.ask("DELETE", f"scenarios/{scenario.id}", 200)

        del self.scenarios[scenario.id]
        self.gone |= set(owned)

    @precondition(lambda self: self.scenarios)
    @rule(data=st.data(), name=names, tasks=task_choices)
    def create_sequence(self, data: st.DataObject, name: str, tasks: list[str]) -> None:
        scenario = self.some(data)
        ids = [scenario.task_of[task] for task in tasks]
        body = {"scenario_id": scenario.id, "sequence_name": name, "tasks": ids}
        if len(set(ids)) < len(ids):
            self.ask("POST", "sequences", 400, json=body)
        elif name in scenario.sequences:
            self.ask("POST", "sequences", 409, json=body)
        else:
            self.ask("POST", "sequences", 201, json=body)
            scenario.sequences[name] = ids

    @precondition(lambda self: self.scenarios)
    @rule(data=st.data(), name=odd_names)
    def refuse_an_odd_name(self, data: st.DataObject, name: str) -> None:
        body = {"scenario_id": self.some(data).id, "sequence_name": name, "tasks": []}
        self.ask("POST", "sequences", 400, json=body)

    @precondition(lambda self: any(item.sequences for item in self.scenarios.values()))
    @rule(data=st.data(), new_name=names)
    def rename_sequence(self, data: st.DataObject, new_name: str) -> None:
        scenario, name = self.some_sequence(data)
        path = f"sequences/{self.sequence_of(scenario, name)}"
        if new_name != name and new_name in scenario.sequences:
            self.ask("PATCH", path, 409, json={"name": new_name})
            return
        self.ask("PATCH", path, 200, json={"name": new_name})
        if new_name != name:
            scenario.sequences[new_name] = scenario.sequences.pop(name)
            self.gone.add(path)
        self.gone.discard(f"sequences/{self.sequence_of(scenario, new_name)}")

    @precondition(lambda self: any(item.sequences for item in self.scenarios.values()))
    @rule(data=st.data())
    def delete_sequence(self, data: st.DataObject) -> None:
        scenario, name = self.some_sequence(data)
        path = f"sequences/{self.sequence_of(scenario, name)}"

        self.ask("DELETE", path, 200)

        del scenario.sequences[name]
        self.ask("GET", path, 404)

    @precondition(lambda self: any(item.sequences for item in self.scenarios.values()))
    @rule(data=st.data())
    def submit_sequence(self, data: st.DataObject) -> None:
        scenario, name = self.some_sequence(data)
        tasks = scenario.sequences[name]
        start, middle, end = (scenario.node_of[key] for key in ("start", "middle", "end"))
        if scenario.task_of["first"] not in tasks and middle not in scenario.values:
            return  # it would wait for a value that nobody writes
        submission = self.server.submit(str(self.sequence_of(scenario, name)))

        assert submission["status"] == "COMPLETED", submission
        scenario.submissions.add(submission["id"])
        if scenario.task_of["first"] in tasks:
            scenario.values[middle] = scenario.values[start] + 1
        if scenario.task_of["second"] in tasks:
            scenario.values[end] = scenario.values[middle] + 1

    @precondition(lambda self: self.scenarios)
    @rule(data=st.data(), value=st.integers(-1000, 1000))
    def write_start(self, data: st.DataObject, value: int) -> None:
        scenario = self.some(data)
        node = scenario.node_of["start"]
        self.ask("PUT", f"datanodes/{node}/write", 200, json=value)
        scenario.values[node] = value

    @precondition(lambda self: any(item.submissions for item in self.scenarios.values()))
    @rule(data=st.data())
    def delete_submission(self, data: st.DataObject) -> None:
        scenario = data.draw(
            st.sampled_from([item for item in self.scenarios.values() if item.submissions])
        )
        id = data.draw(st.sampled_from(sorted(scenario.submissions)))
        self.ask("DELETE", f"submissions/{id}", 200)
        scenario.submissions.remove(id)
        self.gone.add(f"submissions/{id}")

    @precondition(lambda self: self.gone)
    @rule(data=st.data())
    def look_for_what_is_gone(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(self.gone)))
        self.ask("GET", path, 404)
        self.ask("DELETE", path, 404)

    @invariant()
    def scenarios_are_as_the_model_has_them(self) -> None:
        listed = self.ask("GET", "scenarios?config_id=chain", 200).json()["results"]
        shown = {item["id"]: item for item in listed}
        for scenario in self.scenarios.values():
            item = shown[scenario.id]
            assert (item["name"], item["properties"]) == (scenario.name, scenario.properties)
            sequences = {name: found["tasks"] for name, found in item["sequences"].items()}
            assert sequences == scenario.sequences
        for path in self.gone:
            kind, _, id = path.partition("/")
            assert kind != "scenarios" or id not in shown

    @invariant()
    def values_are_as_the_model_has_them(self) -> None:
        for scenario in self.scenarios.values():
            for node in scenario.node_of.values():
                path = f"datanodes/{node}/read"
                if node in scenario.values:
                    assert self.ask("GET", path, 200).json() == {"data": scenario.values[node]}
                else:
                    self.ask("GET", path, 404)

    @invariant()
    def submissions_are_as_the_model_has_them(self) -> None:
        known = {id for item in self.scenarios.values() for id in item.submissions}
        listed = self.ask("GET", "submissions", 200).json()["results"]
        assert known <= {item["id"] for item in listed}

    def some_sequence(self, data: st.DataObject) -> tuple[ModelScenario, str]:
        pairs = [
            (id, name) for id, item in sorted(self.scenarios.items()) for name in item.sequences
        ]
        id, name = data.draw(st.sampled_from(pairs))
        return self.scenarios[id], name


def merged(known: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Merge as RFC 7396 says: null removes, objects are merged, all else replaces."""
    result = dict(known)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            below = result.get(key)
            result[key] = merged(below if isinstance(below, dict) else {}, value)
        else:
            result[key] = value
    return result


def test_any_order_of_requests_leaves_what_the_model_has(server: StartedServer) -> None:
    class Machine(PathMachine):
        pass

    Machine.server = server
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
