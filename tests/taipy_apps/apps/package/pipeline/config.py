from taipy import Config, Scope

from .steps import add


def configure():
    left = Config.configure_data_node("left", default_data=3, scope=Scope.GLOBAL)
    right = Config.configure_data_node_from(left, "right", default_data=4)
    total = Config.configure_data_node("total")
    return Config.configure_scenario(
        "adding", [Config.configure_task("add", add, [left, right], total)]
    )
