"""Links of the OpenAPI document: which responses have the parameters of other paths.

See OpenAPI 3.1, section 4.8.20.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

_PARAMETER = re.compile(r"\{(\w+)\}")
# Fields of an entity that hold identifiers of other entities.
_REFERENCES = {"tasks": "task", "data_nodes": "datanode", "job_ids": "job"}
# Bodies of links to operations that take an identifier in the body.
_BODIES = {
    ("scenario", "createSequence"): {
        "scenario_id": "$response.body#/scenario/id",
        "sequence_name": "outlook",
        "tasks": ["$response.body#/scenario/tasks/0"],
    },
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _LinkTarget:
    """Operation that takes an identifier in its path."""

    name: str
    noun: str
    parameter: str
    others: tuple[str, ...]  #: the other parameters of its path
    gets_one: bool


def add_links(document: Document) -> None:
    """Add links from responses to a POST, and from lists, to the paths that take their ids."""
    targets = list(_iter_targets(document))
    for method, path, operation in _iter_operations(document):
        if method not in {"get", "post"}:
            continue
        given = set(_PARAMETER.findall(path))
        for status, response in operation["responses"].items():
            schema = _schema_of(document, response) if status.startswith("2") else None
            if schema is None:
                continue
            identifiers = list(_iter_identifiers(document, schema, is_list=method == "get"))
            links = {
                target.name: _build_link(target, pointer)
                for noun, pointer in identifiers
                for target in targets
                if _is_linked(target, noun, given, is_list=method == "get")
            }
            links |= _build_body_links(document, identifiers)
            if links:
                response["links"] = links


def _build_body_links(document: Document, identifiers: list[tuple[str, str]]) -> Document:
    names = {operation["operationId"] for _, _, operation in _iter_operations(document)}
    return {
        name: {"operationId": name, "requestBody": body}
        for (noun, name), body in _BODIES.items()
        if (noun, f"/{noun}/id") in identifiers and name in names
    }


def _is_linked(target: _LinkTarget, noun: str, given: set[str], *, is_list: bool) -> bool:
    if target.noun != noun or (is_list and not target.gets_one):
        return False
    return given.issuperset(target.others)


def _build_link(target: _LinkTarget, pointer: str) -> Document:
    parameters = {name: f"$request.path.{name}" for name in target.others}
    parameters[target.parameter] = f"$response.body#{pointer}"
    return {"operationId": target.name, "parameters": parameters}


def _iter_targets(document: Document) -> Iterator[_LinkTarget]:
    for method, path, operation in _iter_operations(document):
        names = _PARAMETER.findall(path)
        if names:
            *others, parameter = names
            yield _LinkTarget(
                name=operation["operationId"],
                noun=parameter.removesuffix("_id").replace("_", ""),
                parameter=parameter,
                others=tuple(others),
                gets_one=method == "get" and path.endswith(f"{{{parameter}}}"),
            )


def _iter_identifiers(
    document: Document, schema: Document, *, is_list: bool
) -> Iterator[tuple[str, str]]:
    """Yield the kind of each entity that a response identifies, and the JSON pointer to its id."""
    fields = schema.get("properties", {})
    if is_list:
        entry = fields.get("results", {}).get("items", {}).get("$ref")
        if entry is not None:
            yield entry.rpartition("/")[2].lower(), "/results/0/id"
        return
    for noun, field in fields.items():
        entity = _resolve(document, field)
        if "id" in entity.get("properties", {}):
            yield noun, f"/{noun}/id"
            for name, other in _REFERENCES.items():
                if name in entity["properties"]:
                    yield other, f"/{noun}/{name}/0"


def _schema_of(document: Document, response: Document) -> Document | None:
    media = response.get("content", {}).get("application/json")
    return None if media is None else _resolve(document, media["schema"])


def _resolve(document: Document, schema: Document) -> Document:
    if "$ref" not in schema:
        return schema
    found: Document = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _iter_operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield method, path, operation
