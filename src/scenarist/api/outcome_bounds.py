"""Query parameters that bound outcomes of scenarios, such as ``outcomes.revenue_min``."""

import math

from scenarist.api.requests import AnyRequest
from scenarist.domain.errors import InvalidError
from scenarist.domain.listings import OUTCOMES
from scenarist.domain.outcomes import OutcomeRange

OUTCOME_BOUNDS = {"parameter_prefix": OUTCOMES}
"""Value of ``opt`` of a handler that takes these parameters, whose names are not known before."""

_LEAST, _MOST = "_min", "_max"


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
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidError(
            f"{parameter} {text[:100]!r} is not a number",
            errors=[{"field": parameter, "message": "not a number"}],
        )
    return number
