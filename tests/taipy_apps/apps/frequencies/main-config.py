from taipy.core.config import Config, Frequency, Scope


def forecast(history, month):
    return [value + month for value in history]


def difference(*forecasts):
    return [forecast[0] for forecast in forecasts]


history = Config.configure_data_node("history", default_data=[1, 2], scope=Scope.GLOBAL)
month = Config.configure_data_node("month", default_data=5, scope=Scope.CYCLE)
result = Config.configure_data_node("forecast")
task = Config.configure_task("predict", forecast, [history, month], result, skippable=True)
for frequency in Frequency:
    Config.configure_scenario(
        f"{frequency.name.lower()}_plan",
        task_configs=[task],
        additional_data_node_configs=history,
        frequency=frequency,
        comparators={result.id: difference},
    )
