"""Outcomes of scenarios in responses, and in query parameters such as ``outcomes.revenue_min``."""

import math
from collections.abc import Mapping
from contextlib import suppress

from scenarist import schemas
from scenarist.api.requests import AnyRequest
from scenarist.domain.entities import OutcomeOfScenario
from scenarist.domain.errors import InvalidError
from scenarist.domain.listings import OUTCOMES
from scenarist.domain.outcomes import OutcomeRange

OUTCOME_BOUNDS = {"parameter_prefix": OUTCOMES}
"""Value of ``opt`` of a handler that takes these parameters, whose names are not known before."""

_LEAST, _MOST = "_min", "_max"


def to_outcome_schemas(
    outcomes: Mapping[str, OutcomeOfScenario],
) -> dict[str, schemas.OutcomeOfScenario]:
    return {
        name: schemas.OutcomeOfScenario(
            value=outcome.value,
            unit=outcome.declared.unit,
            direction=outcome.declared.direction,
            title=outcome.declared.title,
            data_node_id=outcome.data_node_id,
            is_stale=outcome.is_stale,
            reason=outcome.reason,
        )
        for name, outcome in outcomes.items()
    }


def read_outcome_ranges(request: AnyRequest) -> dict[str, OutcomeRange]:
    """Read the bounds of outcomes, by name.

    Raises:
        InvalidError: A parameter names neither bound, or its value is no finite number.
    """
    bounds: dict[str, dict[str, float]] = {}
    for parameter, text in request.query_params.multi_items():
        if not parameter.startswith(OUTCOMES):
            continue
        name, bound = parameter.removeprefix(OUTCOMES)[:-4], parameter[-4:]
        if not name or bound not in (_LEAST, _MOST):
            raise InvalidError(
                f"there is no query parameter {parameter[:100]!r}; write outcomes.NAME_min or "
                "outcomes.NAME_max",
                code="parameter_unknown",
                errors=[{"field": parameter[:100], "message": "unknown query parameter"}],
            )
        bounds.setdefault(name, {})[bound] = _read_number(parameter, text)
    return {
        name: OutcomeRange(least=given.get(_LEAST), most=given.get(_MOST))
        for name, given in bounds.items()
    }


def _read_number(parameter: str, text: str) -> float:
    number = math.nan
    # Python also reads digits of other scripts, and 1_0 as ten.
    if text.isascii() and "_" not in text:
        with suppress(ValueError):
            number = float(text)
    if not math.isfinite(number):
        raise InvalidError(
            f"{parameter} {text[:100]!r} is not a number",
            errors=[{"field": parameter, "message": "not a number"}],
        )
    return number
