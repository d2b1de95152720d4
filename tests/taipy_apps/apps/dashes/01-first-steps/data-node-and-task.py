from pathlib import Path

from taipy.common.config import Config

FOLDER = Path(__file__).parent


def count_rows(table):
    return len(table)


orders = Config.configure_csv_data_node("orders", default_path=str(FOLDER / "orders-2024.csv"))
count = Config.configure_data_node("row_count")
Config.configure_scenario("counting", [Config.configure_task("count", count_rows, orders, count)])
