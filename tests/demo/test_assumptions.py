"""The what-if input: what is taken from JSON, and what is refused."""

from dataclasses import asdict

import pytest

from scenarist.config.value_schemas import ValueSchema
from scenarist.demo.assumptions import SCHEMA, Assumptions


def test_what_is_not_given_has_its_default() -> None:
    assumptions = Assumptions.parse({"warming_celsius": -3})

    assert assumptions == Assumptions(
        warming_celsius=-3,
        mwh_per_degree_day=12.0,
        price_per_mwh=85.0,
        fee_per_delivery=2500.0,
        storage_mwh=900.0,
        stock_mwh=300.0,
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"prize": 1}, "there is no assumption 'prize'; known are warming_celsius, "),
        ({"price_per_mwh": "85"}, "assumption price_per_mwh is '85'; give a number"),
        ({"price_per_mwh": True}, "assumption price_per_mwh is True; give a number"),
        ({"price_per_mwh": float("nan")}, "assumption price_per_mwh is nan; give a number"),
        ({"price_per_mwh": -1}, "assumption price_per_mwh is -1; give 0 or more"),
        ({"stock_mwh": 901}, "assumption stock_mwh is 901, more than storage_mwh"),
    ],
)
def test_an_impossible_assumption_is_refused_by_name(
    given: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Assumptions.parse(given)


def test_assumptions_that_are_no_object_are_refused() -> None:
    with pytest.raises(TypeError, match=r'the assumptions are \[1\]; give them as {"name": number'):
        Assumptions.parse([1])


def test_the_schema_has_each_assumption_and_takes_the_defaults() -> None:
    assert list(SCHEMA["properties"]) == list(asdict(Assumptions()))
    assert ValueSchema(SCHEMA).find_faults(asdict(Assumptions())) == []
    assert ValueSchema(SCHEMA).find_faults({"prize": 1}) != []
