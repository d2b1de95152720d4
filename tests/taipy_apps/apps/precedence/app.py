from taipy import Config, Scope


def add(*values):
    return sum(values)


Config.override("over.toml")
a = Config.configure_data_node("a", default_data=1, scope=Scope.CYCLE)
b = Config.configure_data_node("b", default_data=2)
total = Config.configure_data_node("total")
task = Config.configure_task("add", add, [a, b], total)
Config.configure_scenario("adding", task, sequences={"own": [task]})
