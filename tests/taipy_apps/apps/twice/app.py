from taipy import Config


def clean(values):
    return [value for value in values if value]


raw = Config.configure_data_node("raw", default_data=[1, 0, 2])
cleaned = Config.configure_data_node("cleaned")
task = Config.configure_task("clean", clean, raw, cleaned)
Config.configure_scenario("cleaning", [task, task], sequences={"once": [task]})
