import os
import sqlite3

from taipy import Config

FOLDER = os.path.abspath("base")
os.makedirs(FOLDER, exist_ok=True)
with sqlite3.connect(f"{FOLDER}/plant.db") as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER, amount REAL)")
    connection.execute("DELETE FROM orders")
    connection.executemany("INSERT INTO orders VALUES (?, ?)", [(1, 2.5), (2, 4.0)])
connection.close()


def insert(table):
    return ["DELETE FROM orders"]


def total(orders, large):
    return [orders["amount"].sum(), large["id"].tolist()]


orders = Config.configure_sql_table_data_node(
    "orders", db_name="plant", db_engine="sqlite", table_name="orders", sqlite_folder_path=FOLDER
)
large = Config.configure_sql_data_node(
    "large",
    db_name="plant",
    db_engine="sqlite",
    read_query="SELECT * FROM orders WHERE amount > 3",
    write_query_builder=insert,
    sqlite_folder_path=FOLDER,
)
result = Config.configure_data_node("result")
Config.configure_scenario(
    "summing", [Config.configure_task("total", total, [orders, large], result)]
)
