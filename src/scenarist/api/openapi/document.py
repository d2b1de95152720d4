"""The OpenAPI document, completed with everything that many paths have in common.

Litestar describes the paths and their parameters, msgspec the bodies, from the types that are used
to read and write them. This module combines both and adds roles, shared statuses, headers, examples
and links.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_origin

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from msgspec import inspect

from scenarist.api.openapi.components import (
    EVENT_SCHEMA,
    LOCATION_HEADER,
    PARAMETERS,
    REQUIRED_QUERY,
    RESPONSES,
    SECURITY_SCHEMES,
    headers_of,
    response_name,
    to_camel_case,
)
from scenarist.api.openapi.examples import add_examples
from scenarist.api.openapi.links import add_links
from scenarist.domain.permissions import NEEDED_ROLE, Permission
from scenarist.schemas import Problem, Results, Submit, SubmitWithInputs

Document = dict[str, Any]

_DEFAULTS = {"deprecated": False, "allowEmptyValue": False, "allowReserved": False}
_TAGS = {
    "sequences": "Tasks of one scenario that are submitted together.",
    "scenarios": "Instances of a scenario config, with their data nodes, tasks and sequences.",
    "configs": "The configs that the application declares.",
    "tasks": "Functions with the data nodes that they read and write.",
    "datanodes": "Values, with all edits of each.",
    "cycles": "The periods that scenarios with a frequency belong to.",
    "submissions": "Requests to run scenarios, sequences and tasks, and their results.",
    "jobs": "Single runs of a task.",
    "orchestration": "Whether jobs are started at all.",
    "events": "Changes, as they happen.",
    "auth": "Signing in and out, when authorization is on.",
    "users": "Users who can sign in; for administrators.",
    "keys": "Credentials for programs; for administrators.",
    "audit": "Who changed what, and what was refused; for administrators.",
    "health": "For monitoring; only the metrics require a role.",
}

# What a type cannot express: that a field is required that has a default, and one of two names.
_REQUIREMENTS: dict[str, Document] = {
    "CreateSequence": {
        "required": ["scenario_id", "sequence_name"],
        "anyOf": [{"required": ["tasks"]}, {"required": ["task_ids"]}],
    },
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Operation:
    """One method of one path: its description and its handler."""

    method: str
    path: str
    description: Document
    handler: HTTPRouteHandler

    @property
    def body(self) -> type[msgspec.Struct] | None:
        field = self.handler.parsed_fn_signature.parameters.get("data")
        return field.annotation if field is not None and _is_struct(field.annotation) else None

    def iter_response_types(self) -> Iterator[tuple[str, Any]]:
        """Yield the status and the type of each response that is JSON."""
        for status, spec in (self.handler.responses or {}).items():
            if _is_struct(spec.data_container):
                yield str(status), spec.data_container


def operation_id(handler: HTTPRouteHandler, method: Any, path: Any) -> str:
    """Return the name of an operation: ``listSequences`` for the handler ``list_sequences``."""
    return to_camel_case(handler.handler_name)


def build_document(described: Document, app: Litestar) -> Document:
    """Return the complete OpenAPI document, based on Litestar's description of the application."""
    document: Document = msgspec.json.decode(msgspec.json.encode(described))
    operations = list(_iter_operations(document, app))
    is_off = app.state["auth"].is_off
    types = {kind for operation in operations for _, kind in operation.iter_response_types()}
    bodies = {operation.body for operation in operations if operation.body is not None}
    schemas = _describe_types([*types, *bodies, Problem])
    document["components"] = {
        "schemas": schemas.components,
        "parameters": PARAMETERS,
        "responses": RESPONSES,
        "securitySchemes": SECURITY_SCHEMES,
    }
    document["tags"] = [
        {"name": name, "description": _TAGS.get(name, "")}
        for name in dict.fromkeys(
            tag for item in operations for tag in item.description.get("tags", ())
        )
    ]
    for operation in operations:
        _clean_parameters(operation.description)
        _add_role(operation, is_off=is_off)
        _add_body(operation, schemas.by_type)
        _add_responses(operation, schemas.by_type)
    add_examples(document)
    add_links(document)
    return document


def _iter_operations(document: Document, app: Litestar) -> Iterator[_Operation]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            for method in handler.http_methods:
                description = document["paths"].get(route.path_format, {}).get(method.lower())
                if description is not None and handler.resolve_include_in_schema():
                    yield _Operation(
                        method=method,
                        path=route.path_format,
                        description=description,
                        handler=handler,
                    )


def _clean_parameters(description: Document) -> None:
    """Remove defaults, and null, which a query string cannot express."""
    description.pop("deprecated", None)
    for parameter in description.get("parameters", ()):
        for name, value in _DEFAULTS.items():
            if parameter.get(name) == value:
                del parameter[name]
        schema = parameter["schema"]
        schema.pop("description", None)
        kinds = [kind for kind in schema.pop("oneOf", ()) if kind != {"type": "null"}]
        if len(kinds) == 1:
            schema.update(kinds[0])
        elif kinds:
            schema["oneOf"] = kinds
        if "items" in schema and "enum" in schema:  # declared for each of the values
            schema["items"]["enum"] = schema.pop("enum")
        if (description["operationId"], parameter["name"]) in REQUIRED_QUERY:
            parameter["required"] = True
            schema["minLength"] = 1


def _add_role(operation: _Operation, *, is_off: bool) -> None:
    opt = operation.handler.opt
    permission = opt.get("permission")
    description = operation.description
    if not is_off:
        description["security"] = [] if "is_open" in opt else [{"bearer": []}]
    if "is_open" in opt:
        sentence = "Requires no role."
    elif permission is None:
        sentence = "Requires authentication, but no role."
        description["x-role"] = "any"
    else:
        role = NEEDED_ROLE[permission].value
        sentence = f"Requires the role {role}."
        description["x-role"] = role
    description["description"] = "\n\n".join(
        filter(None, (description.get("description"), sentence))
    )


def _add_body(operation: _Operation, schemas: Mapping[Any, Document]) -> None:
    if operation.body is None:
        return
    field = operation.handler.parsed_fn_signature.parameters["data"]
    operation.description["requestBody"] = {
        "content": {"application/json": {"schema": schemas[operation.body]}},
        "required": not field.has_default,
    }


def _add_responses(operation: _Operation, schemas: Mapping[Any, Document]) -> None:
    description = operation.description
    responses: Document = description["responses"]
    kinds = dict(operation.iter_response_types())
    for status, kind in kinds.items():
        if kind is Problem:
            responses[status] = _problem_ref(int(status))
        else:
            responses[status]["content"] = {"application/json": {"schema": schemas[kind]}}
    for number in _iter_shared_statuses(operation):
        # Replaces Litestar's description of its own 400, which is never sent.
        responses[str(number)] = _problem_ref(number)
    stream = responses.get("200", {}).get("content", {}).get("text/event-stream")
    if stream is not None:
        stream["schema"] = EVENT_SCHEMA
    traits = _find_traits(operation, kinds.get("200"))
    if "tagged" in traits:
        responses["304"] = {"description": "The client already has this version."}
    description["responses"] = dict(sorted(responses.items()))
    _add_headers(description, traits, operation.handler.opt.get("headers", ()))


def _problem_ref(status: int) -> Document:
    return {"$ref": f"#/components/responses/{response_name(status)}"}


def _iter_shared_statuses(operation: _Operation) -> Iterator[int]:
    # Every path refuses unknown query parameters.
    yield 400
    if "requestBody" in operation.description:
        yield 413
    if "is_open" not in operation.handler.opt:
        yield 401
    if operation.handler.opt.get("permission") is not None:
        yield 403
    if operation.handler.opt.get("permission") is Permission.ADMINISTER:
        yield 409


def _find_traits(operation: _Operation, response_type: Any) -> set[str]:
    """Return which of the features shared by many operations this one has."""
    traits: set[str] = set()
    parameters = {item["name"] for item in operation.description.get("parameters", ())}
    if LOCATION_HEADER in (operation.handler.response_headers or ()):
        traits.add("located")
    if operation.body in (Submit, SubmitWithInputs):
        traits |= {"submit", "preferring"}
    if "Prefer" in operation.handler.opt.get("headers", ()):
        traits.add("preferring")
    if "412" in operation.description["responses"]:
        traits.add("guarded")
    if get_origin(response_type) is Results and "limit" in parameters:
        traits.add("paged")
    elif operation.method == "GET" and "{" in operation.path:
        traits.add("tagged")
    elif operation.method == "PATCH":
        traits.add("tagging")
    return traits


def _add_headers(description: Document, traits: set[str], headers: Sequence[str]) -> None:
    for status, response in description["responses"].items():
        sent = headers_of(traits) if status.startswith(("2", "304")) else {}
        if sent:
            response["headers"] = sent
    wanted = {
        "submit": ("Prefer", "Idempotency-Key"),
        "guarded": ("If-Match",),
        "tagged": ("If-None-Match",),
    }
    names = [name for trait, names in wanted.items() if trait in traits for name in names]
    names += headers
    if names:
        description.setdefault("parameters", []).extend(
            {"$ref": f"#/components/parameters/{name}"} for name in names
        )


def _is_struct(kind: Any) -> bool:
    origin = get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(origin, msgspec.Struct)


@dataclass(frozen=True, slots=True)
class _Schemas:
    """Schema of each type, and the components that these refer to."""

    by_type: Mapping[Any, Document]
    components: dict[str, Document]


def _describe_types(types: Sequence[Any]) -> _Schemas:
    found, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    for struct in _iter_structs(types):
        described = components[struct.cls.__name__]
        for field in struct.fields:
            if _is_timestamp(field.type):
                _set_date_time_format(described["properties"][field.encode_name])
    for name, described in components.items():
        if "enum" in described:
            described["type"] = "string"
        described.update(_REQUIREMENTS.get(name, {}))
    return _Schemas(dict(zip(types, found, strict=True)), components)


def _iter_structs(types: Sequence[Any]) -> Iterator[inspect.StructType]:
    """Yield each struct that the types consist of once."""
    seen: set[Any] = set()
    waiting: list[Any] = list(inspect.multi_type_info(types))
    while waiting:
        info = waiting.pop()
        if isinstance(info, inspect.StructType):
            if info.cls in seen:
                continue
            seen.add(info.cls)
            if isinstance(info.cls, type):  # not a generic type, whose component has another name
                yield info
            waiting += [field.type for field in info.fields]
        else:
            waiting += _parts_of(info)


def _parts_of(info: Any) -> list[Any]:
    if isinstance(info, inspect.UnionType):
        return list(info.types)
    if isinstance(info, inspect.ListType):
        return [info.item_type]
    if isinstance(info, inspect.DictType):
        return [info.value_type]
    if isinstance(info, inspect.Metadata):
        return [info.type]
    return []


def _is_timestamp(info: Any) -> bool:
    if isinstance(info, inspect.UnionType | inspect.Metadata):
        return any(_is_timestamp(part) for part in _parts_of(info))
    return isinstance(info, inspect.DateTimeType)


def _set_date_time_format(described: Document) -> None:
    for kind in described.get("anyOf", [described]):
        if kind.get("type") == "string":
            kind["format"] = "date-time"
