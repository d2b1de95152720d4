from taipy import Config, Scope


def rows(table):
    return table.to_numpy().tolist()


Config.configure_data_node("table", "csv", default_path="table.csv", has_header=False)
table = Config.configure_data_node("table", scope=Scope.GLOBAL)
result = Config.configure_data_node("result")
Config.configure_scenario("reading", [Config.configure_task("read", rows, table, result)])
