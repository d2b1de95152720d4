from taipy import Config


def scale(number, factor):
    return number * factor


number = Config.configure_data_node("number", default_data=1)
factor = Config.configure_data_node("factor", default_data=10)
result = Config.configure_data_node("result")
Config.configure_scenario(
    "scaling", [Config.configure_task("scale", scale, [number, factor], result)]
)
Config.override("override.toml")
