"""The application of the tests of what the console shows: files that users name, and figures."""

from scenarist import ConfigRegistry, Scope

registry = ConfigRegistry()

prices = registry.configure_csv_data_node(
    "prices", default_path="prices.csv", scope=Scope.GLOBAL, read_only=True
)
report = registry.configure_json_data_node("report", default_path="report.json", scope=Scope.GLOBAL)
figures = registry.configure_json_data_node("figures")
query = registry.configure_sql_data_node(
    "query",
    db_name="nothing.db",
    db_engine="sqlite",
    read_query="SELECT 1 AS one",
    write_query_builder="pipelines:nothing",
)
# It fails, so that the figures stay as they were given.
reads = registry.configure_task("reads", "pipelines:fail", [prices, report], figures)
registry.configure_scenario(
    "shown",
    [reads],
    [query],
    comparators={"figures": ["pipelines:first_given", "pipelines:fail"]},
    sequences={"reading": [reads]},
)
