from taipy import Config


def read_text(path, repeated):
    with open(path) as file:
        return [file.read().strip()] * repeated


def write_text(data, path):
    with open(path, "w") as file:
        file.write(str(data))


def upper(texts):
    return ",".join(texts).upper()


source = Config.configure_generic_data_node(
    "source", read_fct=read_text, read_fct_args=["text.txt", 2]
)
target = Config.configure_generic_data_node(
    "target", read_text, write_text, read_fct_args=["out.txt", 1], write_fct_args=["out.txt"]
)
copy = Config.configure_data_node("copy")
Config.configure_scenario(
    "copying",
    [
        Config.configure_task("raise_case", upper, source, target),
        Config.configure_task("take", list, target, copy),
    ],
)
