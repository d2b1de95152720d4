"""What a client wants to see of a value: columns, conditions and a limit, as it says them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from scenarist import schemas
from scenarist.api.bodies import read_as
from scenarist.api.requests import member_of
from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import MOST_CONDITIONS, Condition, Selection
from scenarist.domain.vocabulary import FilterOperator, JoinOperator

_LONGEST_VALUE = 10_000
"""Characters of a text that cells are compared with."""

_WHERE = re.compile(
    rf"(?P<key>.*?):(?P<operator>{'|'.join(FilterOperator)}):(?P<value>.*)",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """What the query says of it."""

    columns: Sequence[str] | None
    where: Sequence[str] | None
    join_operator: str | None
    limit: int | None


def selection_of(query: Query, body: bytes) -> Selection:
    """Read what a client wants to see, from the query and from the documented body of the GET.

    Raises:
        InvalidError: Something of it cannot be; says where.
    """
    said = read_as(schemas.DataNodeFilter, body) if body else None
    if said is not None and (query.where is not None or query.join_operator is not None):
        raise InvalidError(
            "conditions stand in the query and in the body; say them in one of the two",
            errors=[{"field": "where", "message": "conditions are in the body, too"}],
        )
    _check_count(len(query.where or ()))
    if said is not None:
        conditions = [_from_body(item, place) for place, item in enumerate(said.operators)]
        join = said.join_operator
    else:
        conditions = _from_query(query.where or ())
        join = query.join_operator or JoinOperator.AND
    return Selection(
        conditions=tuple(conditions),
        join=member_of(JoinOperator, join, "join_operator"),
        columns=_columns(query.columns),
        limit=query.limit,
    )


def _check_count(count: int) -> None:
    if count > MOST_CONDITIONS:
        raise InvalidError(
            f"there are {count} conditions; there can be {MOST_CONDITIONS}",
            errors=[{"field": "where", "message": f"more than {MOST_CONDITIONS} conditions"}],
        )


def _from_body(item: schemas.Operator, place: int) -> Condition:
    return Condition(
        key=item.key,
        operator=member_of(FilterOperator, item.operator, f"operators[{place}].operator"),
        value=_checked(item.value, f"operators[{place}].value"),
    )


def _from_query(where: Sequence[str]) -> list[Condition]:
    conditions = []
    for text in where:
        found = _WHERE.fullmatch(text)
        if found is None:
            raise InvalidError(
                f"where={text[:200]!r} is no condition; write KEY:OPERATOR:VALUE, such as "
                f"temp:GREATER_THAN:20, with one of {', '.join(FilterOperator)}",
                errors=[{"field": "where", "message": "not KEY:OPERATOR:VALUE"}],
            )
        conditions.append(
            Condition(
                key=found["key"],
                operator=FilterOperator(found["operator"].upper()),
                value=_checked(_value(found["value"]), "where"),
            )
        )
    return conditions


def _value(text: str) -> Any:
    """Read a value as JSON where it is such, else as the text that it is."""
    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return text


def _checked(value: Any, field: str) -> Any:
    if isinstance(value, list | dict):
        raise InvalidError(
            "a condition compares with a text, a number, true, false or null, not with "
            f"{'a list' if isinstance(value, list) else 'an object'}",
            errors=[{"field": field, "message": "not a plain value"}],
        )
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        raise InvalidError(
            f"a condition compares with a text of at most {_LONGEST_VALUE} characters",
            errors=[{"field": field, "message": f"longer than {_LONGEST_VALUE} characters"}],
        )
    return value


def _columns(said: Sequence[str] | None) -> tuple[str, ...] | None:
    if said is None:
        return None
    return tuple(dict.fromkeys(name for part in said for name in part.split(",")))
