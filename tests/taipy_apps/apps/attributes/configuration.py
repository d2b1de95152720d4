import datetime as dt

from taipy import Config, Frequency, Scope


def collect(*values):
    return list(values)


orders = Config.configure_csv_data_node("orders", "orders.csv", scope=Scope.CYCLE)
prices = Config.configure_parquet_data_node("prices", validity_period=dt.timedelta(days=2))
plan = Config.configure_json_data_node("plan", default_path="plan.json")
task = Config.configure_task("collecting", collect, input=[plan], output=[prices])
scenario = Config.configure_scenario("planning", [task], frequency=Frequency.DAILY)

seen = [
    orders.default_path,
    orders.has_header,
    orders.encoding,
    orders.exposed_type,
    orders.nothing,
    orders.scope.name,
    prices.compression,
    prices.validity_period.days,
    [node.id for node in task.input_configs],
    [node.id for node in task.output_configs],
    [node.id for node in task.inputs + [orders]],
    task.scope.name,
    task.skippable,
    task.function.__name__,
    [one.id for one in scenario.task_configs],
    sorted(node.id for node in scenario.data_node_configs),
    scenario.additional_data_node_configs == [],
    scenario.frequency.name,
    Config.data_nodes["default"].storage_type,
    Config.tasks["collecting"].id,
    sorted(Config.sections),
    sorted(Config.unique_sections),
    Config.job_config.mode,
    Config.job_config.is_development,
    Config.core.storage_folder,
    Config.global_config.title,
    Scope.SCENARIO < Scope.CYCLE < Scope.GLOBAL,
    min(Scope.GLOBAL, Scope.CYCLE).name,
]
seen_cfg = Config.configure_data_node("seen", default_data=seen)
result = Config.configure_data_node("result")
Config.configure_scenario("showing", [Config.configure_task("show", collect, seen_cfg, result)])
