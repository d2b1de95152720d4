from datetime import timedelta

from taipy import Config, Frequency


def double(number):
    return 2 * number


def difference(*numbers):
    return max(numbers) - min(numbers)


earlier = Config.configure_data_node("earlier", default_data=1)
Config.set_default_data_node_configuration("pickle", validity_period=timedelta(days=1))
number = Config.configure_data_node("number", default_data=21)
doubled = Config.configure_data_node("doubled")
Config.set_default_task_configuration(double, [], doubled, skippable=True)
task = Config.configure_task("double", double, number)
sink = Config.configure_task("print", print, number, [])
Config.set_default_scenario_configuration(
    [], earlier, Frequency.MONTHLY, {"doubled": difference}, {"printing": [sink]}
)
Config.configure_scenario("doubling", [task, sink])
