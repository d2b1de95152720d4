"""The functions of the example's tasks: plain Python, independent of the server."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypedDict

import numpy as np
import pandas as pd

from scenarist.demo.assumptions import Assumptions

BASE_CELSIUS = (65 - 32) * 5 / 9
"""65 °F: warmer days need no heating (the base temperature of the US National Weather Service)."""

MAX_HORIZON_DAYS = 366
"""The longest horizon: beyond it, the trend of four years has no meaning."""

_DAYS_A_YEAR = 365.25
_HARMONICS = (1, 2)


class DayTemperature(TypedDict):
    date: str
    temp_celsius: float


class DayDemand(TypedDict):
    date: str
    degree_days: float
    mwh: float


class FuelDelivery(TypedDict):
    date: str
    mwh: float


class Plan(TypedDict):
    deliveries: list[FuelDelivery]
    demand_mwh: float
    delivered_mwh: float
    fuel_cost: float
    delivery_cost: float
    total_cost: float


class CostComparison(TypedDict):
    total_cost: list[float]
    difference_to_first: list[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class SeasonModel:
    """Daily mean temperature as a linear trend and two waves over the year.

    Args:
        coefficients: In °C: the level on the first day, the change per year, then sine and cosine
            of the yearly wave, and those of the half-yearly wave.
        typical_error_celsius: The root mean squared error on the days that it was fitted to.
    """

    first_day: date
    last_day: date
    coefficients: tuple[float, ...]
    typical_error_celsius: float


def clean_weather(weather: pd.DataFrame) -> pd.DataFrame:
    """Return the mean temperature of each day, in order, without gaps.

    The mean is halfway between highest and lowest, as weather services define it for degree
    days. Of a repeated day the last row counts; missing days are interpolated.
    """
    mean = (weather["temp_max"] + weather["temp_min"]) / 2
    days = pd.Series(mean.to_numpy(), index=pd.to_datetime(weather["date"])).dropna()
    if days.empty:
        raise ValueError("the weather has no day with temp_max and temp_min; give it at least one")
    days = days[~days.index.duplicated(keep="last")].sort_index().asfreq("D").interpolate()
    return pd.DataFrame({"date": days.index, "temp_celsius": days.to_numpy().round(2)})


def fit_seasons(history: pd.DataFrame) -> SeasonModel:
    """Fit the seasons and the trend by least squares."""
    days = pd.to_datetime(history["date"])
    observed = history["temp_celsius"].to_numpy(dtype=float)
    terms = _compute_terms((days - days.iloc[0]).dt.days.to_numpy(dtype=float))
    if len(observed) < 2 * _DAYS_A_YEAR:
        raise ValueError(
            f"the history has {len(observed)} days; give two years, to distinguish the seasons "
            "from the trend"
        )
    coefficients = np.linalg.lstsq(terms, observed)[0]
    error = np.sqrt(np.mean((terms @ coefficients - observed) ** 2))
    return SeasonModel(
        first_day=days.iloc[0].date(),
        last_day=days.iloc[-1].date(),
        coefficients=tuple(coefficients.tolist()),
        typical_error_celsius=round(float(error), 2),
    )


def predict_temperature(model: SeasonModel, horizon: int) -> list[DayTemperature]:
    """Predict the mean temperature of each day after the history.

    Args:
        horizon: How many days, 1 to 366.
    """
    if type(horizon) is not int or not 1 <= horizon <= MAX_HORIZON_DAYS:
        raise ValueError(f"the horizon is {horizon!r}; give whole days, 1 to {MAX_HORIZON_DAYS}")
    dates = [model.last_day + timedelta(days=number) for number in range(1, horizon + 1)]
    ages = np.array([(day - model.first_day).days for day in dates], dtype=float)
    temperatures = (_compute_terms(ages) @ np.array(model.coefficients)).tolist()
    return [
        {"date": day.isoformat(), "temp_celsius": round(temperature, 2)}
        for day, temperature in zip(dates, temperatures, strict=True)
    ]


def estimate_demand(
    forecast: Sequence[DayTemperature], assumptions: Mapping[str, object]
) -> list[DayDemand]:
    """Estimate the fuel that the plant will burn at the predicted temperatures, in MWh a day."""
    assumed = Assumptions.parse(assumptions)
    demand: list[DayDemand] = []
    for day in forecast:
        degree_days = heating_degree_days(day["temp_celsius"] + assumed.warming_celsius)
        demand.append(
            {
                "date": day["date"],
                "degree_days": round(degree_days, 2),
                "mwh": round(degree_days * assumed.mwh_per_degree_day, 1),
            }
        )
    return demand


def heating_degree_days(temp_celsius: float) -> float:
    """Return how far a day's mean temperature is below 65 °F, in °C; zero if it is above.

    The definition is that of the US National Weather Service, in °C and not rounded.
    """
    return max(0.0, BASE_CELSIUS - temp_celsius)


def plan_fuel(demand: Sequence[DayDemand], assumptions: Mapping[str, object]) -> Plan:
    """Plan the fewest deliveries that keep the plant running, in MWh and dollars.

    A delivery arrives in the morning of the first day on which the store would run empty. It fills
    the store, or brings what is needed until the end. Each delivery is as late and lasts as long
    as possible, so no plan needs fewer; and no plan buys less, because only unused stock is left
    over.

    Raises:
        ValueError: A single day needs more than the store can hold.
    """
    assumed = Assumptions.parse(assumptions)
    deliveries: list[FuelDelivery] = []
    stock = round(assumed.stock_mwh, 6)
    to_come = math.fsum(day["mwh"] for day in demand)
    for day in demand:
        needed = day["mwh"]
        if needed > assumed.storage_mwh:
            raise ValueError(
                f"{day['date']} needs {needed} MWh but the store holds {assumed.storage_mwh}; "
                "give a larger storage_mwh"
            )
        if needed > stock:
            delivered = round(min(assumed.storage_mwh, to_come) - stock, 6)
            deliveries.append({"date": day["date"], "mwh": delivered})
            stock += delivered
        # Round, so that an error in the last digit never causes a delivery of almost nothing.
        stock = round(stock - needed, 6)
        to_come = round(to_come - needed, 6)
    return _add_costs(demand, deliveries, assumed)


def compare_costs(*plans: Plan) -> CostComparison:
    """Compare the costs of the plans of several scenarios, in dollars."""
    costs = [plan["total_cost"] for plan in plans]
    return {
        "total_cost": costs,
        "difference_to_first": [round(cost - costs[0], 2) for cost in costs],
    }


def _compute_terms(ages: np.ndarray) -> np.ndarray:
    """Return the terms that the coefficients multiply: one row for each age in days."""
    years = ages / _DAYS_A_YEAR
    columns = [np.ones_like(years), years]
    for waves in _HARMONICS:
        columns += [np.sin(2 * np.pi * waves * years), np.cos(2 * np.pi * waves * years)]
    return np.column_stack(columns)


def _add_costs(
    demand: Sequence[DayDemand], deliveries: list[FuelDelivery], assumed: Assumptions
) -> Plan:
    delivered = math.fsum(delivery["mwh"] for delivery in deliveries)
    fuel_cost = delivered * assumed.price_per_mwh
    delivery_cost = len(deliveries) * assumed.fee_per_delivery
    return {
        "deliveries": deliveries,
        "demand_mwh": round(math.fsum(day["mwh"] for day in demand), 1),
        "delivered_mwh": round(delivered, 1),
        "fuel_cost": round(fuel_cost, 2),
        "delivery_cost": round(delivery_cost, 2),
        "total_cost": round(fuel_cost + delivery_cost, 2),
    }
