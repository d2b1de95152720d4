from taipy import Config, Frequency, Scope


def double(value):
    return value * 2


def triple(value):
    return value * 3


number = Config.configure_data_node("number", default_data=7)
result = Config.configure_data_node("result", storage_type="json")
task = Config.configure_task("calculate", double, number, result)
scenario = Config.configure_scenario("calculation", task)
number.scope = Scope.GLOBAL
scenario.frequency = Frequency.MONTHLY
scenario.add_sequences({"all": [task]})
scenario.add_comparator("result", max)
scenario.delete_comparator("number")
