"""A plan for each month, as an application of Taipy declares it; here, only the import differs."""

from datetime import date

import pandas as pd

from scenarist import Config, Frequency, Scope


def predict(history: pd.DataFrame, growth: float, rate: float) -> pd.DataFrame:
    total = float(history["sales"].sum()) * (1 + growth) * rate
    return pd.DataFrame({"week": [1, 2, 3], "sales": [total, total * 2, total * 3]})


def summarise(forecast: pd.DataFrame) -> tuple[dict[str, object], list[object]]:
    return {"total": float(forecast["sales"].sum()), "on": date(2024, 1, 31)}, [1, {"a": None}]


def fail(total: dict[str, object]) -> None:
    raise ValueError("no budget")


history = Config.configure_csv_data_node("history", "history.csv", scope=Scope.GLOBAL)
rate = Config.configure_data_node("rate", default_data=1.5, scope=Scope.CYCLE)
growth = Config.configure_json_data_node("growth", default_data=0.1)
forecast = Config.configure_parquet_data_node("forecast")
total = Config.configure_data_node("total")
rows = Config.configure_data_node("rows", storage_type="json")
memo = Config.configure_in_memory_data_node("memo", default_data="as declared")
sheet = Config.configure_excel_data_node("sheet", default_data=[{"a": 1}, {"a": 2}])
big = Config.configure_json_data_node("big", default_data=["x" * 100_000])

predicting = Config.configure_task("predict", predict, [history, growth, rate], forecast, True)
summarising = Config.configure_task("summarise", summarise, forecast, [total, rows])
failing = Config.configure_task("fail", fail, total)

Config.configure_scenario(
    "month",
    [predicting, summarising],
    [memo, sheet, big],
    frequency=Frequency.MONTHLY,
    sequences={"first part": [predicting]},
)
Config.configure_scenario("failing", [predicting, summarising, failing])
