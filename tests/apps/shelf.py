"""An application of data nodes of every kind of storage, for tests of their values."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from scenarist import ConfigRegistry

registry = ConfigRegistry()

notes = registry.configure_json_data_node("notes")
items = registry.configure_csv_data_node("items", validity_period="1d", name="stock")
sheet = registry.configure_excel_data_node("sheet", sheet_name="rows")
pillars = registry.configure_parquet_data_node("pillars")
loose = registry.configure_data_node("loose")
dated = registry.configure_data_node(
    "dated",
    default_data=[
        {"n": 1, "at": datetime(2026, 1, 31, 11, tzinfo=timezone(timedelta(hours=1)))},
        {"n": 2, "at": datetime(2026, 1, 31, 10, 30, tzinfo=UTC)},
        {"n": 3, "at": None, "price": Decimal("1.10")},
    ],
)
recalled = registry.configure_in_memory_data_node("recalled")
posted = registry.configure_csv_data_node("posted", default_path="posted.csv")
jar = registry.configure_data_node("jar", default_path="jar.p")
coded = registry.configure_json_data_node("coded", encoder="pipelines:SigningEncoder")
drawer = registry.configure_generic_data_node(
    "drawer",
    read_fct="pipelines:read_drawer",
    write_fct="pipelines:write_drawer",
    read_fct_args=["drawer.json"],
    write_fct_args=["drawer.json"],
)
ledger = registry.configure_sql_table_data_node(
    "ledger", db_name="ledger", db_engine="sqlite", table_name="entries", sqlite_folder_path="."
)
vault = registry.configure_sql_table_data_node(
    "vault",
    db_name="vault",
    db_engine="postgresql",
    table_name="entries",
    db_username="keeper",
    db_password="sesame",
    db_host="ENV[PYTHONPATH]",  # a variable that is set wherever this is served
)
registry.configure_scenario(
    "shelf",
    [],
    [
        notes,
        items,
        sheet,
        pillars,
        loose,
        dated,
        recalled,
        posted,
        jar,
        coded,
        drawer,
        ledger,
        vault,
    ],
)

doubled = registry.configure_json_data_node("doubled")
doubles = registry.configure_task("doubles", "pipelines:same", drawer, doubled)
registry.configure_scenario("drawn", [doubles], sequences={"all": [doubles]})

crowd = registry.configure_data_node("crowd")
makes_crowd = registry.configure_task("makes_crowd", "pipelines:big_table", [], crowd)
registry.configure_scenario("crowded", [makes_crowd], sequences={"all": [makes_crowd]})

gate = registry.configure_json_data_node("gate")
opened = registry.configure_json_data_node("opened")
waits = registry.configure_task("waits", "pipelines:wait_for_file", gate, opened)
registry.configure_scenario("gated", [waits], sequences={"all": [waits]})

alone = registry.configure_json_data_node("alone", default_data=[1])
registry.configure_json_data_node("fixed", default_data=1, read_only=True)
