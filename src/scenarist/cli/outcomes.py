"""Outcomes of scenarios, and scenarios side by side, as the commands show them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from scenarist.cli.inputs import read_pairs
from scenarist.cli.options import Texts
from scenarist.cli.printing import print_line, print_table, to_json
from scenarist.domain.errors import InvalidError
from scenarist.domain.listings import OUTCOMES

if TYPE_CHECKING:
    from scenarist.schemas import (
        ComparedFigure,
        ComparedInput,
        ComparedPart,
        OutcomeOfScenario,
        Scenario,
        SideBySide,
    )

_WIDEST = 40


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class OutcomeFlags:
    """The order of a list of scenarios, and its outcomes.

    Args:
        sort: creation_date, name, or outcomes.NAME; with a leading - in reverse.
        outcome: Show this outcome as a column. Can be repeated.
        least: OUTCOME=NUMBER: only those whose outcome is at least this. Can be repeated.
        most: OUTCOME=NUMBER: only those whose outcome is at most this. Can be repeated.
    """

    sort: Annotated[str | None, Parameter(show_default=False, allow_leading_hyphen=True)] = None
    outcome: Texts = None
    least: Annotated[list[str] | None, Parameter(name="--min", negative="")] = None
    most: Annotated[list[str] | None, Parameter(name="--max", negative="")] = None


NO_OUTCOME_FLAGS = OutcomeFlags()


def read_bounds(given: Sequence[str] | None, option: str) -> dict[str, float]:
    """Read the bounds of outcomes, each OUTCOME=NUMBER, by name.

    Raises:
        InvalidError: One has no name or no number, or a name is given twice.
    """
    bounds = read_pairs(given, option)
    for name, bound in bounds.items():
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            raise InvalidError(f"{option} {name}: {bound!r} is not a number")
    return bounds


def outcome_columns(
    names: Sequence[str], sort: str | None
) -> "dict[str, Callable[[Scenario], object]]":
    """Return a column for each outcome, also for that of the sort."""
    sorted_by = (sort or "").removeprefix("-")
    if sorted_by.startswith(OUTCOMES):
        names = [*names, sorted_by.removeprefix(OUTCOMES)]

    def make_column(name: str) -> "Callable[[Scenario], object]":
        return lambda scenario: _format_value(scenario.outcomes.get(name))

    return {name: make_column(name) for name in names}


def describe_scenario(scenario: "Scenario") -> dict[str, object]:
    """Return the fields of a scenario, with one for each outcome."""
    from msgspec import UNSET
    from msgspec.structs import asdict

    fields = {name: value for name, value in asdict(scenario).items() if value is not UNSET}
    del fields["outcomes"]
    for name, outcome in scenario.outcomes.items():
        shown = _format_value(outcome)
        fields[f"{OUTCOMES}{name}"] = shown if outcome.reason is None else f"- ({outcome.reason})"
    return fields


def print_side_by_side(found: "SideBySide") -> None:
    """Print what differs: a row for each place of an input, and for each outcome."""
    ids = [scenario.id for scenario in found.scenarios]
    names = [scenario.name or scenario.id for scenario in found.scenarios]
    rows: list[list[str]] = []
    for item in found.inputs:
        rows += _rows_of_input(item, ids)
    for outcome in found.outcomes:
        rows.append(
            [outcome.name, "", *(_format_figure(outcome.values[each]) for each in ids)],
        )
    if not rows:
        print_line("The inputs are the same, and there are no outcomes.")
        return
    print_table(["WHAT", "WHERE", *names], rows)


def _rows_of_input(item: "ComparedInput", ids: Sequence[str]) -> list[list[str]]:
    if not item.differences:
        return [[item.name, "", *(_format_input(item, each) for each in ids)]]
    rows = [
        [
            item.name,
            place.pointer,
            *(
                _format_part(place.parts[each])
                if each in place.parts
                else _format_input(item, each)
                for each in ids
            ),
        ]
        for place in item.differences
    ]
    more = item.difference_count - len(item.differences)
    if more:
        rows.append([item.name, f"and at {more} more places", *("" for _ in ids)])
    return rows


def _format_input(item: "ComparedInput", scenario_id: str) -> str:
    import msgspec

    value = item.values[scenario_id]
    if value.value is not msgspec.UNSET:
        return _shorten(to_json(value.value))
    if value.reason is not None:
        return f"- ({value.reason})"
    return "the same" if value.is_same else "another"


def _format_part(part: "ComparedPart") -> str:
    if part.is_missing:
        return "-"
    return "…" if part.is_large else _shorten(to_json(part.value))


def _format_figure(figure: "ComparedFigure") -> str:
    if figure.value is None:
        return f"- ({figure.reason})"
    text = _format_number(figure.value, figure.unit)
    if not figure.difference:
        return text
    percent = "" if figure.percent is None else f", {figure.percent:+.1f} %"
    return f"{text} ({figure.difference:+.15g}{percent})"


def _format_value(outcome: "OutcomeOfScenario | None") -> str:
    if outcome is None or outcome.value is None:
        return "-"
    return _format_number(outcome.value, outcome.unit)


def _format_number(number: float, unit: str | None) -> str:
    text = f"{number:.15g}"
    return text if unit is None else f"{text} {unit}"


def _shorten(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
