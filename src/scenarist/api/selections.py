"""Selection of parts of a value: columns, conditions and a limit, from the query or the body."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from litestar.params import QueryParameter

from scenarist import schemas
from scenarist.api.bodies import read_struct
from scenarist.api.requests import member_of
from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import MAX_CONDITIONS, Condition, Selection
from scenarist.domain.vocabulary import FilterOperator, JoinOperator
from scenarist.system.json_decoding import decode_json

_MOST_ROWS = 1_000_000
_LONGEST_VALUE = 10_000
"""Characters of a text in a condition at most."""

_WHERE = re.compile(
    rf"(?P<key>.*?):(?P<operator>{'|'.join(FilterOperator)}):(?P<value>.*)",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SelectionParams:
    """Query parameters that select parts of a value."""

    columns: Annotated[
        list[str] | None,
        QueryParameter(description="Only these columns of a table, in this order, such as a,b."),
    ] = None
    where: Annotated[
        list[str] | None,
        QueryParameter(
            description="Only rows that meet this condition, KEY:OPERATOR:VALUE, such as "
            "temp:GREATER_THAN:20. VALUE is parsed as JSON, or taken as text if it is not JSON. Up "
            "to 20 conditions."
        ),
    ] = None
    join_operator: Annotated[
        str | None,
        QueryParameter(
            description="AND, or OR if rows need to meet only one of the conditions.",
            schema_extra={"enum": list(JoinOperator)},
        ),
    ] = None
    limit: Annotated[
        int | None, QueryParameter(ge=1, le=_MOST_ROWS, description="At most this many rows.")
    ] = None


def selection_of(query: SelectionParams, body: bytes) -> Selection:
    """Read a selection from the query and from the body that Taipy documents for this GET.

    Raises:
        InvalidError: A part of it is invalid; the message says which.
    """
    from_body = read_struct(schemas.DataNodeFilter, body) if body else None
    if from_body is not None and (query.where is not None or query.join_operator is not None):
        raise InvalidError(
            "there are conditions in the query and in the body; send them in one of the two",
            errors=[{"field": "where", "message": "the body has conditions too"}],
        )
    _check_count(len(query.where or ()))
    if from_body is not None:
        conditions = [
            _condition_from_body(item, index) for index, item in enumerate(from_body.operators)
        ]
        join = from_body.join_operator
    else:
        conditions = _conditions_from_query(query.where or ())
        join = query.join_operator or JoinOperator.AND
    return Selection(
        conditions=tuple(conditions),
        join=member_of(JoinOperator, join, "join_operator"),
        columns=_split_columns(query.columns),
        limit=query.limit,
    )


def _check_count(count: int) -> None:
    if count > MAX_CONDITIONS:
        raise InvalidError(
            f"there are {count} conditions; send at most {MAX_CONDITIONS}",
            errors=[{"field": "where", "message": f"more than {MAX_CONDITIONS} conditions"}],
        )


def _condition_from_body(item: schemas.Operator, index: int) -> Condition:
    return Condition(
        key=item.key,
        operator=member_of(FilterOperator, item.operator, f"operators[{index}].operator"),
        value=_check_value(item.value, f"operators[{index}].value"),
    )


def _conditions_from_query(where: Sequence[str]) -> list[Condition]:
    conditions = []
    for text in where:
        found = _WHERE.fullmatch(text)
        if found is None:
            raise InvalidError(
                f"where={text[:200]!r} is not a condition; write KEY:OPERATOR:VALUE, such as "
                f"temp:GREATER_THAN:20, with one of {', '.join(FilterOperator)}",
                errors=[{"field": "where", "message": "not KEY:OPERATOR:VALUE"}],
            )
        conditions.append(
            Condition(
                key=found["key"],
                operator=FilterOperator(found["operator"].upper()),
                value=_check_value(_parse_value(found["value"]), "where"),
            )
        )
    return conditions


def _parse_value(text: str) -> Any:
    """Parse a value as JSON, or return it as text if it is not JSON."""
    try:
        return decode_json(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return text


def _check_value(value: Any, field: str) -> Any:
    if isinstance(value, list | dict):
        raise InvalidError(
            "the value of a condition must be a text, a number, true, false or null, not "
            f"{'a list' if isinstance(value, list) else 'an object'}",
            errors=[{"field": field, "message": "not a plain value"}],
        )
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        raise InvalidError(
            f"the value of a condition may have at most {_LONGEST_VALUE} characters",
            errors=[{"field": field, "message": f"longer than {_LONGEST_VALUE} characters"}],
        )
    return value


def _split_columns(columns: Sequence[str] | None) -> tuple[str, ...] | None:
    if columns is None:
        return None
    return tuple(dict.fromkeys(name for part in columns for name in part.split(",")))
