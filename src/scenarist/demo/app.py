"""The declarations of the example: its data nodes, tasks and scenario."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from scenarist.config import ConfigRegistry, Outcome
from scenarist.demo.assumptions import SCHEMA, Assumptions
from scenarist.domain.vocabulary import Frequency, Scope

# The functions are named, not imported: only worker processes need numpy and pandas.
_FUNCTIONS = "scenarist.demo.pipeline"
_WEATHER_FILE = Path(__file__).with_name("data") / "seattle_temperatures.csv"

registry = ConfigRegistry()

weather = registry.configure_csv_data_node(
    "weather", default_path=str(_WEATHER_FILE), scope=Scope.GLOBAL, read_only=True
)
horizon = registry.configure_json_data_node(
    "horizon",
    default_data=28,
    schema=Annotated[
        int, Meta(ge=1, le=366, title="Horizon", extra_json_schema={"unit": "days", "order": 1})
    ],
)
assumptions = registry.configure_json_data_node(
    "assumptions", default_data=asdict(Assumptions()), schema=SCHEMA
)
history = registry.configure_parquet_data_node("history")
model = registry.configure_pickle_data_node("model")
forecast = registry.configure_json_data_node("forecast")
demand = registry.configure_json_data_node("demand")
plan = registry.configure_json_data_node("plan")

clean_weather = registry.configure_task(
    "clean_weather", f"{_FUNCTIONS}:clean_weather", weather, history
)
fit_seasons = registry.configure_task("fit_seasons", f"{_FUNCTIONS}:fit_seasons", history, model)
predict_temperature = registry.configure_task(
    "predict_temperature", f"{_FUNCTIONS}:predict_temperature", [model, horizon], forecast
)
estimate_demand = registry.configure_task(
    "estimate_demand", f"{_FUNCTIONS}:estimate_demand", [forecast, assumptions], demand
)
plan_fuel = registry.configure_task(
    "plan_fuel", f"{_FUNCTIONS}:plan_fuel", [demand, assumptions], plan
)

heating = registry.configure_scenario(
    "heating",
    [clean_weather, fit_seasons, predict_temperature, estimate_demand, plan_fuel],
    frequency=Frequency.MONTHLY,
    comparators={"plan": f"{_FUNCTIONS}:compare_costs"},
    outcomes={
        "total_cost": Outcome(
            plan, "/total_cost", unit="$", direction="minimize", title="Cost of the plan"
        ),
        "delivery_cost": Outcome(
            plan, "/delivery_cost", unit="$", direction="minimize", title="Cost of deliveries"
        ),
        "demand_mwh": Outcome(plan, "/demand_mwh", unit="MWh", title="Fuel burnt"),
    },
    sequences={
        "forecasting": [clean_weather, fit_seasons, predict_temperature],
        "planning": [estimate_demand, plan_fuel],
    },
)
