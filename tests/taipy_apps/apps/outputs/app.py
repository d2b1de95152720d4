import numpy as np
from taipy import Config


def bounds(values):
    return np.percentile(values, [0, 100])


def parts(values):
    return {"low": min(values), "high": max(values)}.values()


def pair(values):
    return values[:2]


values = Config.configure_data_node("values", default_data=[3, 1, 2])
for function in (bounds, parts, pair):
    name = function.__name__
    outputs = [Config.configure_data_node(f"{side}_{name}") for side in ("low", "high")]
    Config.configure_scenario(
        f"{name}_plan", [Config.configure_task(f"do_{name}", function, values, outputs)]
    )
