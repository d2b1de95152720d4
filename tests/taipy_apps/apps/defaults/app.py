from datetime import timedelta

from taipy import Config, Scope


def read_all(a, b, c):
    return [len(a), b["b"], c]


Config.set_default_data_node_configuration(
    "csv", scope=Scope.CYCLE, validity_period=timedelta(hours=1), has_header=False
)
a = Config.configure_csv_data_node("a", default_path="a.csv")
seen = [a.scope.name, a.has_header]
b = Config.configure_json_data_node("b", default_path="b.json")
seen += [b.scope.name, b.validity_period == timedelta(hours=1)]
c = Config.configure_pickle_data_node("c", default_data=3)
d = Config.configure_data_node("d", storage_type="pickle", scope=Scope.GLOBAL)
seen_cfg = Config.configure_data_node("seen", storage_type="pickle", default_data=seen)
Config.configure_scenario(
    "reading", [Config.configure_task("read", read_all, [a, b, c], d)], seen_cfg
)
