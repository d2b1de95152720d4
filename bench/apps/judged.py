"""An application whose scenarios have an outcome; a database is filled with many of them."""

from scenarist import ConfigRegistry, Outcome, Scope

registry = ConfigRegistry()

figure = registry.configure_json_data_node("figure", scope=Scope.GLOBAL, default_data=1)
registry.configure_scenario("copy3", None, figure, outcomes={"figure": Outcome(figure)})
