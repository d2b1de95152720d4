"""An application whose values are too large for their records, for tests of a shared storage."""

from scenarist import ConfigRegistry

registry = ConfigRegistry()

pillars = registry.configure_parquet_data_node("pillars")
rows = registry.configure_csv_data_node("rows")
loose = registry.configure_data_node("loose")
listed = registry.configure_json_data_node("listed")
registry.configure_scenario(
    "pool",
    [
        registry.configure_task("makes", "pipelines:big_table", [], pillars),
        registry.configure_task("copies", "pipelines:same", pillars, rows),
        registry.configure_task("keeps", "pipelines:same", rows, loose),
        registry.configure_task("lists", "pipelines:numbers_of", loose, listed),
    ],
)
