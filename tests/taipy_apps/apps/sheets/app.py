import pandas as pd
from taipy import Config


def split(number):
    return {
        "cities": pd.DataFrame({"city": ["Oslo", "Rome"], "days": [3, number]}),
        "prices": pd.DataFrame({"price": [1.5, 2.5]}),
    }


def columns(number):
    return {"first": [1, 2], "second": [number]}


def only(sheets, lists, one):
    return {
        "names": sorted(sheets),
        "rows": sheets["cities"].to_dict("records"),
        "lists": {name: sheet.to_numpy().tolist() for name, sheet in lists.items()},
        "one": one["price"].tolist(),
    }


number = Config.configure_data_node("number", default_data=5)
sheets = Config.configure_excel_data_node("sheets")
lists = Config.configure_excel_data_node("lists")
one = Config.configure_excel_data_node("one", sheet_name="prices")
result = Config.configure_data_node("result")
Config.configure_scenario(
    "splitting",
    [
        Config.configure_task("split", split, number, sheets),
        Config.configure_task("columns", columns, number, lists),
        Config.configure_task("split_one", split, number, one),
        Config.configure_task("only", only, [sheets, lists, one], result),
    ],
)
