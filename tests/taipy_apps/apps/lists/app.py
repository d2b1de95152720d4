from taipy import Config


def increment(value):
    return value + 1


def collect(*values):
    return list(values)


first = Config.configure_data_node("first", default_data=1)
second = Config.configure_data_node("second")
third = Config.configure_data_node("third")
note = Config.configure_data_node("note", default_data="a note")
remark = Config.configure_data_node("remark", default_data="a remark")
one = Config.configure_task("one", increment, first, second)
two = Config.configure_task("two", increment, second, third)

counting = Config.configure_scenario(
    "counting", [one], [note], comparators={"second": max}, sequences={"start": [one]}
)
counting.tasks.append(two)
counting.additional_data_nodes.append(remark)
counting.additional_data_node_configs.remove(note)
counting.comparators["second"].append(collect)
counting.comparators["third"].append(collect)
counting.sequences["end"] = [two]
counting.sequences["start"].append(two)
counting.sequences.update({"all": [one, two]})
del counting.sequences["end"]

nodes = one.input_configs
nodes.append(note)
one.properties["note"] = "not kept"

again = Config.configure_scenario("again", counting.task_configs[:1])
again.task_configs.extend([two])
again.add_comparator("third", collect)
again.comparators.pop("third")
Config.configure_scenario("collecting", Config.configure_task("collect", collect, nodes, third))
