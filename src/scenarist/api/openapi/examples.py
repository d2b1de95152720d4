"""Examples for the OpenAPI document, built from the schemas.

A schema's own example is used unless the table by field name below has another, so that all
examples are about the same scenario.
"""

import re
from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]

_UUID = "019a8f5e-3b1c-7d42-9e60-5f2a7c41b8d3"
_SCENARIO = f"SCENARIO_heating_{_UUID}"
_IDS = {
    "scenario": _SCENARIO,
    "sequence": f"SEQUENCE_planning_{_SCENARIO}",
    "task": f"TASK_plan_fuel_{_UUID}",
    "datanode": f"DATANODE_fuel_plan_{_UUID}",
    "data_node": f"DATANODE_fuel_plan_{_UUID}",
    "cycle": f"CYCLE_2026-11_{_UUID}",
    "submission": f"SUBMISSION_{_UUID}",
    "job": f"JOB_plan_fuel_{_UUID}",
    "edit": f"EDIT_{_UUID}",
    "subscriber": f"SUBSCRIBER_{_UUID}",
}
_BY_NAME: Document = {
    **{f"{noun}_id": identifier for noun, identifier in _IDS.items()},
    "config_id": "heating",
    "owner_id": _SCENARIO,
    "parent_id": _SCENARIO,
    "entity_id": _IDS["sequence"],
    "submit_entity_id": _IDS["sequence"],
    "input_id": _IDS["data_node"],
    "output_id": _IDS["data_node"],
    "last_edit_id": _IDS["edit"],
    "cycle": _IDS["cycle"],
    "task": _IDS["task"],
    "data_node": _IDS["data_node"],
    "additional_data_node": _IDS["data_node"],
    "name": "planning",
    "version": "1.0",
    "function_module": "heating.pipeline",
    "function_name": "plan_fuel",
    "storage_type": "json",
    "editor_id": "planning-desk",
    "tag": "winter",
    "authorized_tag": "winter",
    "properties": {"desk": "planning"},
    "data": [{"week": "2026-W48", "litres": 1250.5}],
    "text": "fitted 52 weeks\n",
    "next": "WyIiLG51bGwsMl0",
    "total": 2,
    "version_number": "1.0",
    "url": "https://example.com/hooks/scenarist",
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "size": 41,
    "attempt": 1,
    "attempts": 1,
    "retries": 0,
    "retries_after_loss": 2,
    "fresh": False,
    "pending_duration": 0.004,
    "execution_duration": 1.25,
    "python_type": "list",
    "priority": 0,
    "force": False,
}
# Fields that are usually null.
_USUALLY_NULL = {
    "retry_of",
    "forked_from",
    "cache_key",
    "cached_from",
    "paused_at",
    "paused_by",
    "reason",
    "cancel_requested_at",
    "editor_expiration_date",
    "fault",
    "comment",
}
_USUALLY_EMPTY = {"subscribers", "waiting_for", "stacktrace", "errors", "sequences"}
_BY_COMPONENT = {
    ("Task", "config_id"): "plan_fuel",
    ("Task", "name"): "plan_fuel",
    ("DataNode", "config_id"): "fuel_plan",
    ("DataNode", "name"): "fuel_plan",
    # Whoever tries a submit may lack the role for writes.
    ("SubmitWithInputs", "inputs"): {},
}
_BY_OPERATION: Document = {
    "getHealth": {"message": "alive"},
    "getReadiness": {"message": "ready"},
    "followEvents": {
        "id": "1042.0",
        "event": "submission",
        "data": f'{{"entity_type": "SUBMISSION", "entity_id": "{_IDS["submission"]}"}}',
    },
    "getMetrics": 'scenarist_jobs{status="RUNNING"} 2.0\n',
}
_TIMESTAMP = "2026-11-23T16:58:49.536664Z"
_FIRST_WORD = re.compile("[a-z]+")
_PARTICIPLES = {
    "create": "created",
    "delete": "deleted",
    "submit": "submitted",
    "write": "written",
    "promote": "promoted",
    "cancel": "canceled",
    "retry": "retried",
    "change": "changed",
    "fork": "forked",
    "upgrade": "upgraded",
}


def add_examples(document: Document) -> None:
    """Add an example to every body, successful response and required parameter.

    Optional parameters get none, because Swagger UI would send it with every request.
    """
    builder = _ExampleBuilder(document["components"]["schemas"])
    for operation in _iter_operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter.get("required"):
                parameter["example"] = builder.build_value(parameter["schema"], parameter["name"])
        for media in operation.get("requestBody", {}).get("content", {}).values():
            media.setdefault("example", builder.build_value(media["schema"], "data"))
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                for media in response.get("content", {}).values():
                    media.setdefault("example", builder.build_response(operation, media["schema"]))


class _ExampleBuilder:
    """Builder of values that match a schema."""

    def __init__(self, components: dict[str, Document]) -> None:
        self._components = components

    def build_response(self, operation: Document, schema: Document) -> Any:
        name = operation["operationId"]
        if name in _BY_OPERATION:
            return _BY_OPERATION[name]
        value = self.build_value(schema, "data")
        if isinstance(value, dict) and "message" in value:
            value["message"] = _build_message(operation, value)
        return value

    def build_value(self, schema: Document, name: str, component: str = "") -> Any:
        """Return a value for the field with this name in a component."""
        if schema.get("examples") and name not in _BY_NAME:
            return schema["examples"][0]
        if "$ref" in schema:
            name_of_component = schema["$ref"].rpartition("/")[2]
            return self.build_value(self._components[name_of_component], name, name_of_component)
        known = _find_known(name, component, schema)
        if known is not _UNKNOWN:
            return known
        if "anyOf" in schema and "properties" not in schema:
            return self.build_value(schema["anyOf"][0], name, component)
        if "enum" in schema:
            return _choose_usual(schema["enum"])
        return self._build_by_type(schema, name, component)

    def _build_by_type(self, schema: Document, name: str, component: str) -> Any:
        match schema.get("type"):
            case "object":
                return self._build_object(schema, component)
            case "array":
                return [self.build_value(schema["items"], _singular(name), component)]
            case "string":
                return _TIMESTAMP if schema.get("format") == "date-time" else "text"
            case "integer" | "number":
                return schema.get("default", max(schema.get("minimum", 0), 0))
            case "boolean":
                return schema.get("default", False)
            case _:
                return None

    def _build_object(self, schema: Document, component: str) -> Document:
        fields = schema.get("properties", {})
        wanted = schema.get("required", ()) or fields
        made = {name: self.build_value(fields[name], name, component) for name in wanted}
        if "anyOf" in schema:
            for name in schema["anyOf"][0]["required"]:
                made[name] = self.build_value(fields[name], name, component)
        return made


_UNKNOWN = object()


def _find_known(name: str, component: str, schema: Document) -> Any:
    kinds = {kind.get("type") for kind in schema.get("anyOf", [schema])}
    if name in _USUALLY_NULL and "null" in kinds:
        return None
    if name in _USUALLY_EMPTY and kinds <= {"array", "object"}:
        return [] if "array" in kinds else {}
    if name == "id":
        return _IDS.get(component.lower(), f"{component.upper()}_{_UUID}")
    value = _BY_COMPONENT.get((component, name), _BY_NAME.get(name, _UNKNOWN))
    fits = value is _UNKNOWN or _type_of(value) in kinds or not schema
    return value if fits else _UNKNOWN


def _type_of(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _singular(name: str) -> str:
    return name.removesuffix("s")


def _choose_usual(members: list[str]) -> str:
    return next(
        (word for word in ("COMPLETED", "SEQUENCE", "SCENARIO") if word in members), members[0]
    )


def _build_message(operation: Document, value: Document) -> str:
    """Return the message that the handler of an operation would send."""
    verb = _FIRST_WORD.match(operation["operationId"])
    done = _PARTICIPLES.get(verb[0], f"{verb[0]}ed") if verb else "done"
    made = [(name, part["id"]) for name, part in value.items() if _is_entity(part)]
    taken = [
        (parameter["name"].removesuffix("_id"), parameter["example"])
        for parameter in operation.get("parameters", ())
        if parameter.get("in") == "path"
    ]
    noun, identifier = (made or taken[-1:] or [("it", "")])[0]
    noun = {"datanode": "data node"}.get(noun, noun.replace("_", " "))
    return f"{noun.capitalize()} {identifier} was {done}."


def _is_entity(part: Any) -> bool:
    return isinstance(part, dict) and "id" in part


def _iter_operations(document: Document) -> Iterator[Document]:
    for operations in document["paths"].values():
        yield from operations.values()
