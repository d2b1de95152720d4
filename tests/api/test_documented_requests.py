"""Each request of the documented pages, with the statuses and the fields that they promise.

`PAGES` reads like them: paths, methods with the role that they require, and for each what is sent,
the status of the response, and what it contains. More than that may be there: fields are added
where clients need them. Where the pages contradict themselves or the released implementation, the
row says what holds here. Each request is sent with the trailing slash that the pages print, and
without it, as in their examples.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import httpx
import pytest

from servers import StartedServer
from signed_in import PASSWORDS, bearer, token_of, with_users

API = "/api/v1"

# What a field contains; a ? says that it may be null.
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "any": (object,),
}

CYCLE = {
    "id": "string",
    "name": "string",
    "frequency": "string",
    "properties": "object",
    "creation_date": "date",
    "start_date": "date",
    "end_date": "date",
}
SCENARIO = {
    "id": "string",
    "sequences": "object",
    "properties": "object",
    "primary_scenario": "boolean",
    "tags": ["string"],
    "version": "string",
    "subscribers": ["object"],
    "cycle": "string?",
    "creation_date": "date",
}
SEQUENCE = {
    "id": "string",
    "owner_id": "string",
    "parent_ids": ["string"],
    "tasks": ["string"],
    "version": "string",
    "properties": "object",
    "subscribers": ["object"],
}
TASK = {
    "id": "string",
    "config_id": "string",
    "owner_id": "string?",
    "parent_ids": ["string"],
    "input_ids": ["string"],
    "output_ids": ["string"],
    "function_name": "string",
    "function_module": "string",
    "version": "string",
}
DATA_NODE = {
    "id": "string",
    "config_id": "string",
    "name": "string?",
    "scope": "string",
    "storage_type": "string",
    "owner_id": "string?",
    "parent_ids": ["string"],
    "last_edit_date": "date?",
    "job_ids": ["string"],
    "version": "string",
    "validity_days": "number?",
    "validity_seconds": "number?",
    "edit_in_progress": "boolean",
    "properties": "object",
}
JOB = {
    "id": "string",
    "task_id": "string",
    "status": "string",
    "force": "boolean",
    "creation_date": "date",
    "subscribers": ["object"],
    "stacktrace": ["string"],
}
MESSAGE = {"message": "string"}
NOTHING = None
"""The response has no body."""

WANTS_BODY = {"Prefer": "return=representation"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
"""The type that curl sends when the line names none, as those of the pages do not."""


@dataclass(frozen=True)
class Case:
    """One request to a path, and its response.

    Names in braces stand for what `Estate` has of this name.

    Args:
        when: What is special about it.
        of: The identifier in the path; the one that the path names, if it is not given.
        body: Sent as JSON.
        text: Sent as it is, instead of a body.
    """

    when: str
    status: int
    answer: Any
    of: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def unknown(noun: str) -> Case:
    return Case(f"no {noun} has this identifier", 404, MESSAGE, of="foo")


def listing(schema: Mapping[str, Any]) -> list[Case]:
    return [Case("all of them", 200, {"results": [schema]})]


DAY = "{day}T00:00:00"
CYCLE_BODY = {
    "frequency": "DAILY",
    "properties": {},
    "creation_date": DAY,
    "start_date": DAY,
    "end_date": "{day}T23:59:59.999999",
}
OLD_DAY = {
    name: value.replace("{day}", "{old_day}") if isinstance(value, str) else value
    for name, value in CYCLE_BODY.items()
}
NEW_SEQUENCE = {"scenario_id": "{scenario}", "sequence_name": "sequence", "tasks": []}
OPERATORS = {
    "EQUAL": 1,
    "NOT_EQUAL": 2,
    "LESS_THAN": 1,
    "LESS_OR_EQUAL": 2,
    "GREATER_THAN": 1,
    "GREATER_OR_EQUAL": 2,
}
"""How many of the rows with 1, 2 and 3 each finds when it compares with 2."""

PAGES: dict[str, dict[tuple[str, str], list[Case]]] = {
    # --- Paths for cycle ---
    "/cycles/": {
        ("GET", "READER"): listing(CYCLE),
        ("POST", "EDITOR"): [
            Case("the dates of a day", 201, {**MESSAGE, "cycle": CYCLE}, body=CYCLE_BODY),
            Case(
                "the example of the page",
                201,
                {**MESSAGE, "cycle": CYCLE},
                body={**CYCLE_BODY, "end_date": DAY},
            ),
            Case("a day that has a cycle", 200, {**MESSAGE, "cycle": CYCLE}, body=OLD_DAY),
            Case(
                "the frequency as responses write it",
                201,
                {**MESSAGE, "cycle": CYCLE},
                body={**CYCLE_BODY, "frequency": "Frequency.DAILY"},
            ),
            Case("an unknown frequency", 400, MESSAGE, body={**CYCLE_BODY, "frequency": "HOURLY"}),
            Case("a date that is none", 400, MESSAGE, body={**CYCLE_BODY, "start_date": "today"}),
            Case("an unknown field", 400, MESSAGE, body={**CYCLE_BODY, "bad": 1}),
            Case("no object", 400, MESSAGE, body=[]),
        ],
    },
    "/cycles/{cycle}/": {
        ("GET", "READER"): [Case("it exists", 200, {"cycle": CYCLE}), unknown("cycle")],
        ("DELETE", "EDITOR"): [Case("it exists", 200, MESSAGE), unknown("cycle")],
    },
    # --- Paths for scenario ---
    "/scenarios/": {
        ("GET", "READER"): listing(SCENARIO),
        ("POST", "EDITOR"): [
            Case("a config", 201, {**MESSAGE, "scenario": SCENARIO}, query={"config_id": "chain"}),
            Case(
                "a config with a frequency",
                201,
                {**MESSAGE, "scenario": {**SCENARIO, "cycle": "string"}},
                query={"config_id": "sharing"},
            ),
            Case("no config", 400, MESSAGE),
            Case("an unknown config", 404, MESSAGE, query={"config_id": "foo"}),
        ],
    },
    "/scenarios/{scenario}/": {
        ("GET", "READER"): [Case("it exists", 200, {"scenario": SCENARIO}), unknown("scenario")],
        ("DELETE", "EDITOR"): [
            Case("it exists", 200, MESSAGE),
            Case("it is primary, and its cycle has others", 409, MESSAGE, of="{primary}"),
            unknown("scenario"),
        ],
    },
    "/scenarios/submit/{scenario}/": {
        ("POST", "EXECUTOR"): [
            Case("it exists", 202, {**MESSAGE, "scenario": SCENARIO}),
            unknown("scenario"),
        ],
    },
    # --- Paths for sequence ---
    "/sequences/": {
        ("GET", "READER"): listing(SEQUENCE),
        ("POST", "EDITOR"): [
            Case(
                "the line of the page",
                201,
                {**MESSAGE, "sequence": SEQUENCE},
                body=NEW_SEQUENCE,
                headers=FORM,
            ),
            Case("as JSON", 201, {**MESSAGE, "sequence": SEQUENCE}, body=NEW_SEQUENCE),
            Case(
                "tasks",
                201,
                {**MESSAGE, "sequence": SEQUENCE},
                body={**NEW_SEQUENCE, "tasks": ["{task}"]},
            ),
            Case(
                "tasks, as the released implementation calls them",
                201,
                {**MESSAGE, "sequence": SEQUENCE},
                body={
                    "scenario_id": "{scenario}",
                    "sequence_name": "sequence",
                    "task_ids": ["{task}"],
                },
            ),
            Case("an unknown scenario", 404, MESSAGE, body={**NEW_SEQUENCE, "scenario_id": "foo"}),
            Case("no name", 404, MESSAGE, body={"scenario_id": "{scenario}", "tasks": []}),
            Case("no scenario", 400, MESSAGE, body={"sequence_name": "sequence", "tasks": []}),
            Case(
                "no tasks",
                400,
                MESSAGE,
                body={"scenario_id": "{scenario}", "sequence_name": "sequence"},
            ),
            Case("an unknown task", 400, MESSAGE, body={**NEW_SEQUENCE, "tasks": ["foo"]}),
            Case(
                "a task of another scenario",
                400,
                MESSAGE,
                body={**NEW_SEQUENCE, "tasks": ["{task_elsewhere}"]},
            ),
            Case(
                "a task twice",
                400,
                MESSAGE,
                body={**NEW_SEQUENCE, "tasks": ["{task}", "{task}"]},
            ),
            Case(
                "a name that the scenario has",
                409,
                MESSAGE,
                body={**NEW_SEQUENCE, "sequence_name": "half"},
            ),
        ],
    },
    "/sequences/submit/{sequence}/": {
        ("POST", "EXECUTOR"): [
            Case("it exists", 204, NOTHING),
            Case(
                "the body that the page lists is wanted",
                200,
                {**MESSAGE, "sequence": SEQUENCE},
                headers=WANTS_BODY,
            ),
            unknown("sequence"),
        ],
    },
    "/sequences/{sequence}/": {
        ("DELETE", "EDITOR"): [Case("it exists", 200, MESSAGE), unknown("sequence")],
        ("GET", "READER"): [
            Case("it exists", 200, {"sequence": SEQUENCE}),
            Case(
                "an identifier put together from name and scenario",
                200,
                {"sequence": SEQUENCE},
                of="SEQUENCE_half_{scenario}",
            ),
            unknown("sequence"),
        ],
    },
    # --- Paths for task ---
    "/tasks/": {
        ("GET", "READER"): listing(TASK),
        ("POST", "EDITOR"): [
            Case("a config", 201, {**MESSAGE, "task": TASK}, query={"config_id": "{new_task}"}),
            Case("it exists", 200, {**MESSAGE, "task": TASK}, query={"config_id": "{old_task}"}),
            Case("no config", 400, MESSAGE),
            Case("an unknown config", 404, MESSAGE, query={"config_id": "foo"}),
        ],
    },
    "/tasks/{task}/": {
        ("GET", "READER"): [Case("it exists", 200, {"task": TASK}), unknown("task")],
        ("DELETE", "EDITOR"): [
            Case("nothing uses it", 200, MESSAGE, of="{unused_task}"),
            Case("a scenario uses it", 409, MESSAGE),
            unknown("task"),
        ],
    },
    "/tasks/submit/{task}/": {
        ("POST", "EXECUTOR"): [
            Case("it exists", 204, NOTHING),
            Case(
                "the body that the page lists is wanted",
                200,
                {**MESSAGE, "task": TASK},
                headers=WANTS_BODY,
            ),
            unknown("task"),
        ],
    },
    # --- Paths for data node ---
    "/datanodes/": {
        ("GET", "READER"): listing(DATA_NODE),
        ("POST", "EDITOR"): [
            Case(
                "a config",
                201,
                {**MESSAGE, "datanode": DATA_NODE},
                query={"config_id": "{new_data_node}"},
            ),
            Case(
                "it exists",
                200,
                {**MESSAGE, "datanode": DATA_NODE},
                query={"config_id": "{old_data_node}"},
            ),
            Case("no config", 400, MESSAGE),
            Case("an unknown config", 404, MESSAGE, query={"config_id": "foo"}),
        ],
    },
    "/datanodes/{data_node}/": {
        ("GET", "READER"): [Case("it exists", 200, {"datanode": DATA_NODE}), unknown("data node")],
        ("DELETE", "EDITOR"): [
            Case("nothing uses it", 200, MESSAGE, of="{unused_data_node}"),
            Case("a task uses it", 409, MESSAGE),
            unknown("data node"),
        ],
    },
    "/datanodes/{data_node}/read/": {
        ("GET", "READER"): [
            Case("it has a value", 200, {"data": "any"}),
            Case("a filter that is empty", 200, {"data": "any"}, body={}),
            *(
                Case(
                    f"rows that are {operator} 2",
                    200,
                    {"data": ("rows", count)},
                    of="{table}",
                    body={"operators": [{"key": "a", "operator": operator, "value": 2}]},
                )
                for operator, count in OPERATORS.items()
            ),
            Case(
                "an operator in lower case",
                200,
                {"data": ("rows", 1)},
                of="{table}",
                body={"operators": [{"key": "a", "operator": "equal", "value": 2}]},
            ),
            *(
                Case(
                    f"two operators that are joined by {join}",
                    200,
                    {"data": ("rows", count)},
                    of="{table}",
                    body={
                        "operators": [
                            {"key": "a", "operator": "EQUAL", "value": 1},
                            {"key": "b", "operator": "EQUAL", "value": "y"},
                        ],
                        "join_operator": join,
                    },
                )
                for join, count in (("AND", 0), ("OR", 2))
            ),
            Case(
                "an unknown operator",
                400,
                MESSAGE,
                of="{table}",
                body={"operators": [{"key": "a", "operator": "LIKE", "value": 2}]},
            ),
            Case(
                "an unknown column",
                400,
                MESSAGE,
                of="{table}",
                body={"operators": [{"key": "c", "operator": "EQUAL", "value": 2}]},
            ),
            unknown("data node"),
        ],
    },
    "/datanodes/{unused_data_node}/write/": {
        ("PUT", "EDITOR"): [
            Case("a value", 200, MESSAGE, body=[{"path": "/abc", "type": 1}]),
            Case("a value without its type", 200, MESSAGE, body=[1], headers=FORM),
            Case("null", 200, MESSAGE, text="null"),
            Case("no JSON", 400, MESSAGE, text="{nothing"),
            Case("no data node has this identifier", 404, MESSAGE, of="foo", body=[1]),
        ],
    },
    # --- Paths for job ---
    "/jobs/": {
        ("GET", "READER"): listing(JOB),
        ("POST", "EDITOR"): [
            Case("a task", 201, {**MESSAGE, "job": JOB}, query={"task_id": "{task}"}),
            Case("a task config", 201, {**MESSAGE, "job": JOB}, query={"task_id": "speaks"}),
            Case("no task", 400, MESSAGE),
            Case("an unknown task", 404, MESSAGE, query={"task_id": "foo"}),
        ],
    },
    "/jobs/{job}/": {
        ("GET", "READER"): [Case("it exists", 200, {"job": JOB}), unknown("job")],
        ("DELETE", "EDITOR"): [
            Case("it has ended", 200, MESSAGE),
            Case("it has not ended", 409, MESSAGE, of="{waiting_job}"),
            unknown("job"),
        ],
    },
    "/jobs/cancel/{waiting_job}/": {
        ("POST", "EXECUTOR"): [
            Case("it has not ended", 204, NOTHING),
            Case(
                "the body that the page lists is wanted",
                200,
                {**MESSAGE, "job": JOB},
                headers=WANTS_BODY,
            ),
            Case("it has ended", 409, MESSAGE, of="{job}"),
            unknown("job"),
        ],
    },
}

ROWS = [
    pytest.param(method, path, role, case, id=f"{method} {path}: {case.when}")
    for path, methods in PAGES.items()
    for (method, role), cases in methods.items()
    for case in cases
]


_days = itertools.count()


class Estate(Mapping[str, str]):
    """The identifiers that the rows name; each is made when it is asked for."""

    def __init__(self, server: StartedServer) -> None:
        self._server = server

    def __getitem__(self, name: str) -> str:
        found: str = getattr(self, name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    @cached_property
    def _chain(self) -> dict[str, Any]:
        return self._server.create("chain")

    @cached_property
    def scenario(self) -> str:
        return str(self._chain["id"])

    @cached_property
    def sequence(self) -> str:
        return str(self._chain["sequences"]["half"]["id"])

    @cached_property
    def task(self) -> str:
        return str(self._chain["task_of"]["first"])

    @cached_property
    def data_node(self) -> str:
        return str(self._chain["node_of"]["start"])

    @cached_property
    def task_elsewhere(self) -> str:
        return str(self._server.create("chain")["task_of"]["first"])

    @cached_property
    def primary(self) -> str:
        first, second = (self._server.create("quarters") for _ in range(2))
        assert first["cycle"] == second["cycle"]
        cycle = self._server.http.get(f"{API}/scenarios", params={"cycle_id": first["cycle"]})
        return next(str(item["id"]) for item in cycle.json()["results"] if item["primary_scenario"])

    @cached_property
    def day(self) -> str:
        """One that has no cycle yet."""
        return (date(2001, 1, 1) + timedelta(days=next(_days))).isoformat()

    @cached_property
    def old_day(self) -> str:
        assert self.cycle
        return self.day

    @cached_property
    def cycle(self) -> str:
        made = self._server.http.post(f"{API}/cycles", json=filled(CYCLE_BODY, self))
        return str(made.json()["cycle"]["id"])

    def _make(self, noun: str, config_id: str) -> str:
        """Return the entity of a config that no scenario owns."""
        path = f"{API}/{noun}s"
        return str(self._server.http.post(path, params={"config_id": config_id}).json()[noun]["id"])

    @cached_property
    def old_task(self) -> str:
        self._make("task", "deletable")
        return "deletable"

    @cached_property
    def unused_task(self) -> str:
        return self._make("task", "deletable")

    @cached_property
    def new_task(self) -> str:
        self._server.http.delete(f"{API}/tasks/{self.unused_task}")
        return "deletable"

    @cached_property
    def unused_data_node(self) -> str:
        return self._make("datanode", "sound")

    @cached_property
    def old_data_node(self) -> str:
        self._make("datanode", "sound")
        return "sound"

    @cached_property
    def new_data_node(self) -> str:
        self._server.http.delete(f"{API}/datanodes/{self.unused_data_node}")
        return "sound"

    @cached_property
    def table(self) -> str:
        node = self._make("datanode", "table")
        rows = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": "z"}]
        written = self._server.http.put(f"{API}/datanodes/{node}/write", json=rows)
        assert written.status_code == 200
        return node

    @cached_property
    def job(self) -> str:
        submission = self._server.submit(self.sequence)
        return str(submission["job_ids"][0])

    @cached_property
    def waiting_job(self) -> str:
        """One that waits for a value that nobody writes."""
        given = self._server.create("rated")["sequences"]["scoring"]["id"]
        submitted = self._server.http.post(
            f"{API}/sequences/submit/{given}", headers=WANTS_BODY
        ).json()
        return str(submitted["submission"]["job_ids"][0])


def filled(value: Any, estate: Estate) -> Any:
    """Replace the names in braces."""
    match value:
        case str():
            return value.format_map(estate)
        case list():
            return [filled(item, estate) for item in value]
        case dict():
            return {key: filled(item, estate) for key, item in value.items()}
        case _:
            return value


def faults(value: Any, shape: Any, at: str = "response") -> list[str]:
    """Return what a response lacks of what is documented."""
    match shape:
        case ("rows", int(count)):
            return [] if len(value) == count else [f"{at} has {len(value)} rows, not {count}"]
        case dict():
            missing = [f"{at} has no {name}" for name in shape if name not in value]
            return missing + [
                fault
                for name, kind in shape.items()
                if name in value
                for fault in faults(value[name], kind, f"{at}.{name}")
            ]
        case [kind]:
            if not isinstance(value, list):
                return [f"{at} is no array"]
            return [fault for item in value for fault in faults(item, kind, f"{at}[]")]
        case _:
            return [] if is_of(value, shape) else [f"{at} is {value!r}, which is no {shape}"]


def is_of(value: Any, kind: str) -> bool:
    if value is None:
        return kind.endswith("?") or kind == "any"
    kind = kind.removesuffix("?")
    if kind == "date":
        return datetime.fromisoformat(value).tzinfo is not None
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def sent(case: Case, estate: Estate) -> dict[str, Any]:
    """Return what a request carries, as arguments of the HTTP client."""
    text = case.text
    if text is None and case.body is not None:
        text = json.dumps(filled(case.body, estate))
    typed = {} if text is None else {"content-type": "application/json"}
    return {
        "params": {name: filled(value, estate) for name, value in case.query.items()},
        "content": text,
        "headers": {**typed, **case.headers},
    }


@pytest.mark.parametrize("slash", ["/", ""], ids=["with a slash", "without"])
@pytest.mark.parametrize(("method", "path", "role", "case"), ROWS)
def test_the_response_is_the_documented_one(
    server: StartedServer, method: str, path: str, role: str, case: Case, slash: str
) -> None:
    estate = Estate(server)
    if case.of is not None:
        path = path[: path.index("{")] + case.of + path[path.index("}") + 1 :]
    address = API + filled(path, estate).removesuffix("/") + slash

    response = server.http.request(method, address, **sent(case, estate))

    assert response.status_code == case.status, response.text
    if case.answer is NOTHING:
        assert response.content == b""
    else:
        assert faults(response.json(), case.answer) == []


def test_the_documented_roles_are_those_of_the_description(server: StartedServer) -> None:
    """`test_authorization_grid.py` asks each operation as everybody, by the description."""
    document = server.http.get("/schema/openapi.json").json()
    described = {
        (method.upper(), without_names(path)): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }

    for path, methods in PAGES.items():
        for method, role in methods:
            operation = described[method, without_names(API + path.removesuffix("/"))]
            assert role in json.dumps(operation["description"]), (method, path)


def without_names(path: str) -> str:
    return "".join("{}" if index % 2 else part for index, part in enumerate(_parts(path)))


def _parts(path: str) -> list[str]:
    return path.replace("}", "{").split("{")


# --- Paths for authentication ---


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with with_users(tmp_path_factory.mktemp("documented")) as started:
        yield started


def sign_in(server: StartedServer, password: str) -> httpx.Response:
    return server.http.post(f"{API}/auth/login", json={"username": "rita", "password": password})


def test_signing_in_gives_a_token_and_a_wrong_password_a_401(guarded: StartedServer) -> None:
    right, wrong = sign_in(guarded, PASSWORDS["rita"]), sign_in(guarded, "wrong")

    assert (right.status_code, faults(right.json(), {"token": "string"})) == (201, [])
    assert (wrong.status_code, faults(wrong.json(), MESSAGE)) == (401, [])


def test_signing_out_takes_a_token_and_without_one_is_a_401(guarded: StartedServer) -> None:
    token = token_of(guarded, "rita")

    out = guarded.http.post(f"{API}/auth/logout", headers=bearer(token))
    again = guarded.http.post(f"{API}/auth/logout", headers=bearer(token))

    assert (out.status_code, faults(out.json(), MESSAGE)) == (201, [])
    assert (again.status_code, faults(again.json(), MESSAGE)) == (401, [])
