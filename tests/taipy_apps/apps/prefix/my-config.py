import taipy as tp


def square(x):
    return x**2


x = tp.Config.configure_data_node("x", default_data=9, scope=tp.Scope.CYCLE)
y = tp.Config.configure_json_data_node("y")
tp.Config.configure_scenario(
    "squaring", [tp.Config.configure_task("square", square, x, y)], frequency=tp.Frequency.YEARLY
)
