"""The functions of the example: on cases worked out by hand, and on the real weather."""

import json
from dataclasses import replace
from datetime import date
from itertools import combinations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.demo.app import weather as weather_config
from scenarist.demo.pipeline import (
    DayDemand,
    DayTemperature,
    Plan,
    SeasonModel,
    clean_weather,
    compare_costs,
    estimate_demand,
    fit_seasons,
    heating_degree_days,
    plan_fuel,
    predict_temperature,
)

LEVEL = SeasonModel(
    first_day=date(2014, 1, 1),
    last_day=date(2015, 12, 31),
    coefficients=(10.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    typical_error_celsius=0.0,
)
SMALL_STORE = {"storage_mwh": 100, "stock_mwh": 50, "price_per_mwh": 10, "fee_per_delivery": 7}


@pytest.fixture(scope="module")
def weather() -> pd.DataFrame:
    return pd.read_csv(weather_config.properties["default_path"])


@pytest.fixture(scope="module")
def history(weather: pd.DataFrame) -> pd.DataFrame:
    return clean_weather(weather)


def days_of(*amounts: float) -> list[DayDemand]:
    return [
        {"date": f"2016-01-{number:02d}", "degree_days": 0.0, "mwh": amount}
        for number, amount in enumerate(amounts, start=1)
    ]


class TestCleanWeather:
    def test_a_mean_lies_halfway_between_highest_and_lowest(self) -> None:
        table = pd.DataFrame({"date": ["2015-01-01"], "temp_max": [8.0], "temp_min": [-1.0]})

        assert clean_weather(table)["temp_celsius"].tolist() == [3.5]

    def test_days_come_in_order_without_gaps_and_once(self) -> None:
        table = pd.DataFrame(
            {
                "date": ["2015-01-04", "2015-01-01", "2015-01-02", "2015-01-01"],
                "temp_max": [13.0, 99.0, None, 4.0],
                "temp_min": [13.0, 99.0, 1.0, 4.0],
            }
        )

        cleaned = clean_weather(table)

        assert cleaned["date"].dt.strftime("%Y-%m-%d").tolist() == [
            "2015-01-01",
            "2015-01-02",
            "2015-01-03",
            "2015-01-04",
        ]
        assert cleaned["temp_celsius"].tolist() == [4.0, 7.0, 10.0, 13.0]

    def test_weather_without_a_single_whole_day_is_refused(self) -> None:
        table = pd.DataFrame({"date": ["2015-01-01"], "temp_max": [8.0], "temp_min": [None]})

        with pytest.raises(ValueError, match="no day with temp_max and temp_min"):
            clean_weather(table)

    def test_the_real_weather_holds_four_whole_years_of_seattle(
        self, history: pd.DataFrame
    ) -> None:
        assert len(history) == 1461
        assert history["date"].iloc[0] == pd.Timestamp("2012-01-01")
        assert history["date"].iloc[-1] == pd.Timestamp("2015-12-31")
        assert history["temp_celsius"].iloc[0] == pytest.approx((12.8 + 5.0) / 2)
        assert history["temp_celsius"].between(-10, 30).all()


class TestForecast:
    def test_a_model_finds_the_line_and_the_waves_that_made_a_history(self) -> None:
        made_of = SeasonModel(
            first_day=date(2012, 1, 1),
            last_day=date(2011, 12, 31),
            coefficients=(11.0, 0.5, -2.0, -7.0, 1.0, 0.0),
            typical_error_celsius=0.0,
        )
        a_year_on = replace(made_of, last_day=date(2012, 12, 31))
        days = [*predict_temperature(made_of, 366), *predict_temperature(a_year_on, 366)]

        model = fit_seasons(clean_weather(_weather_of(days)))

        assert model.coefficients == pytest.approx((11.0, 0.5, -2.0, -7.0, 1.0, 0.0), abs=0.02)

    def test_less_than_two_years_are_refused(self, history: pd.DataFrame) -> None:
        with pytest.raises(ValueError, match="the history has 700 days; give two years"):
            fit_seasons(history.head(700))

    def test_a_forecast_starts_on_the_day_after_the_history(self) -> None:
        assert predict_temperature(LEVEL, 2) == [
            {"date": "2016-01-01", "temp_celsius": 10.0},
            {"date": "2016-01-02", "temp_celsius": 10.0},
        ]

    @pytest.mark.parametrize("horizon", [0, 367, 2.5, True, "28", None])
    def test_a_horizon_is_whole_days_within_a_year(self, horizon: int) -> None:
        with pytest.raises(ValueError, match="give whole days, 1 to 366"):
            predict_temperature(LEVEL, horizon)

    def test_four_weeks_kept_back_are_foretold_better_than_by_the_mean_of_the_year(
        self, history: pd.DataFrame
    ) -> None:
        known, kept_back = history.iloc[:-28], history["temp_celsius"].iloc[-28:].to_numpy()

        forecast = predict_temperature(fit_seasons(known), 28)

        foretold = pd.Series([day["temp_celsius"] for day in forecast]).to_numpy()
        assert [forecast[0]["date"], forecast[-1]["date"]] == ["2015-12-04", "2015-12-31"]
        assert abs(foretold - kept_back).mean() < 3.0
        assert abs(known["temp_celsius"].iloc[-365:].mean() - kept_back).mean() > 6.0


class TestDemand:
    @pytest.mark.parametrize(
        ("temp_celsius", "degree_days"),
        [(18.0 + 1 / 3, 0.0), (25.0, 0.0), (10.0, 8.0 + 1 / 3), (-5.0, 23.0 + 1 / 3)],
    )
    def test_degree_days_count_from_65_fahrenheit_down(
        self, temp_celsius: float, degree_days: float
    ) -> None:
        assert heating_degree_days(temp_celsius) == pytest.approx(degree_days)

    def test_a_day_of_10_degrees_takes_12_mwh_for_each_degree_day(self) -> None:
        demand = estimate_demand([{"date": "2016-01-01", "temp_celsius": 10.0}], {})

        assert demand == [{"date": "2016-01-01", "degree_days": 8.33, "mwh": 100.0}]

    def test_a_warmer_month_takes_less(self) -> None:
        forecast = predict_temperature(LEVEL, 1)

        demand = estimate_demand(forecast, {"warming_celsius": 5})

        assert demand == [{"date": "2016-01-01", "degree_days": 3.33, "mwh": 40.0}]


class TestPlan:
    def test_the_store_is_filled_when_it_would_not_last_and_at_the_end_only_as_needed(self) -> None:
        plan = plan_fuel(days_of(40, 40, 40, 40), SMALL_STORE)

        assert plan == {
            "deliveries": [
                {"date": "2016-01-02", "mwh": 90.0},
                {"date": "2016-01-04", "mwh": 20.0},
            ],
            "demand_mwh": 160.0,
            "delivered_mwh": 110.0,
            "fuel_cost": 1100.0,
            "delivery_cost": 14.0,
            "total_cost": 1114.0,
        }

    def test_a_stock_that_lasts_needs_no_delivery(self) -> None:
        plan = plan_fuel(days_of(20, 30), SMALL_STORE)

        assert plan["deliveries"] == []
        assert plan["total_cost"] == 0.0

    def test_a_day_that_needs_more_than_the_store_holds_is_refused(self) -> None:
        with pytest.raises(
            ValueError, match="2016-01-02 needs 101 MWh but the store holds 100; give a larger"
        ):
            plan_fuel(days_of(10, 101), SMALL_STORE)

    @given(st.lists(st.integers(0, 1000), max_size=40))
    def test_the_store_never_runs_dry_or_over_and_nothing_is_left(self, tenths: list[int]) -> None:
        demand = days_of(*(amount / 10 for amount in tenths))

        plan = plan_fuel(demand, SMALL_STORE)

        brought = {delivery["date"]: delivery["mwh"] for delivery in plan["deliveries"]}
        stock = 50.0
        for day in demand:
            stock += brought.get(day["date"], 0.0)
            assert stock < 100.001
            stock -= day["mwh"]
            assert stock > -0.001
        assert stock == pytest.approx(max(0.0, 50.0 - sum(tenths) / 10), abs=0.001)

    @given(st.lists(st.integers(0, 100), max_size=7))
    def test_no_plan_has_fewer_deliveries(self, amounts: list[int]) -> None:
        plan = plan_fuel(days_of(*amounts), SMALL_STORE)

        assert len(plan["deliveries"]) == _fewest_deliveries(amounts)

    def test_plans_are_compared_by_their_total_cost(self) -> None:
        first, second = _plan_that_costs(1114.0), _plan_that_costs(914.5)

        assert compare_costs(first, second) == {
            "total_cost": [1114.0, 914.5],
            "difference_to_first": [0.0, -199.5],
        }


class TestWholeChain:
    def test_real_weather_becomes_a_plan_for_the_next_four_weeks(
        self, weather: pd.DataFrame
    ) -> None:
        model = fit_seasons(clean_weather(weather))
        forecast = predict_temperature(model, 28)
        demand = estimate_demand(forecast, {})
        plan = plan_fuel(demand, {})

        assert [forecast[0]["date"], forecast[-1]["date"]] == ["2016-01-01", "2016-01-28"]
        assert all(0 < day["temp_celsius"] < 12 for day in forecast)
        assert 3000 < plan["demand_mwh"] < 5000
        assert plan["delivered_mwh"] == pytest.approx(plan["demand_mwh"] - 300, abs=0.2)
        assert [delivery["date"] for delivery in plan["deliveries"]] == [
            "2016-01-03",
            "2016-01-09",
            "2016-01-15",
            "2016-01-21",
            "2016-01-27",
        ]

    def test_three_degrees_less_cost_a_quarter_more(self, history: pd.DataFrame) -> None:
        forecast = predict_temperature(fit_seasons(history), 28)

        usual = plan_fuel(estimate_demand(forecast, {}), {})
        colder = plan_fuel(estimate_demand(forecast, {"warming_celsius": -3}), {})

        assert 1.2 < colder["total_cost"] / usual["total_cost"] < 1.4

    def test_what_goes_to_json_comes_back_the_same(self, history: pd.DataFrame) -> None:
        forecast = predict_temperature(fit_seasons(history), 28)
        demand = estimate_demand(forecast, {})
        values = [forecast, demand, plan_fuel(demand, {})]

        assert json.loads(json.dumps(values, allow_nan=False)) == values


def _weather_of(days: list[DayTemperature]) -> pd.DataFrame:
    table = pd.DataFrame(days)
    return pd.DataFrame(
        {
            "date": table["date"],
            "temp_max": table["temp_celsius"] + 4,
            "temp_min": table["temp_celsius"] - 4,
        }
    )


def _fewest_deliveries(amounts: list[int]) -> int:
    """Try every choice of days on which the small store is filled to the brim."""
    for count in range(len(amounts) + 1):
        for days in combinations(range(len(amounts)), count):
            stock, lasted = 50, True
            for day, amount in enumerate(amounts):
                stock = (100 if day in days else stock) - amount
                lasted = lasted and stock >= 0
            if lasted:
                return count
    raise AssertionError("no choice of days lasts")


def _plan_that_costs(total: float) -> Plan:
    return {
        "deliveries": [],
        "demand_mwh": 0.0,
        "delivered_mwh": 0.0,
        "fuel_cost": 0.0,
        "delivery_cost": 0.0,
        "total_cost": total,
    }
