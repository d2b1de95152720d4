from taipy import Config


def names(table, sheet):
    return [sorted(table.columns), len(sheet)]


def write():
    import pandas as pd

    return pd.DataFrame({"a": [1], "b": [2], "c": [3]})


table = Config.configure_parquet_data_node("table", read_kwargs={"columns": ["a", "b"]})
sheet = Config.configure_csv_data_node("sheet")
Config.configure_s3_object_data_node(
    "remote",
    "key",
    "secret",
    "bucket",
    "object",
    aws_s3_object_parameters={"CacheControl": "max-age=60"},
)
result = Config.configure_data_node("result")
Config.configure_scenario(
    "naming",
    [
        Config.configure_task("write_table", write, None, table),
        Config.configure_task("write_sheet", write, None, sheet),
        Config.configure_task("names", names, [table, sheet], result),
    ],
)
