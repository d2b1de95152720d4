import numpy as np
import pandas as pd
from taipy import Config


def make():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    return frame, frame, frame, {"list": [1, 2.5, None]}, {"dict": (1, 2)}


def read(csv, parquet, array, json, pickle):
    return [
        csv.to_dict("records"),
        parquet.to_dict("list"),
        np.asarray(array).tolist(),
        json,
        pickle,
    ]


outputs = [
    Config.configure_csv_data_node("as_csv"),
    Config.configure_parquet_data_node("as_parquet"),
    Config.configure_csv_data_node("as_array", exposed_type="numpy"),
    Config.configure_json_data_node("as_json"),
    Config.configure_pickle_data_node("as_pickle"),
]
result = Config.configure_in_memory_data_node("result")
Config.configure_scenario(
    "storing",
    [
        Config.configure_task("make", make, [], outputs),
        Config.configure_task("read", read, outputs, result),
    ],
)
