"""An application with more jobs than a small terminal has lines."""

from scenarist import ConfigRegistry

registry = ConfigRegistry()

registry.configure_scenario(
    "crowd", [registry.configure_task(f"one_{number}", "pipelines:one") for number in range(20)]
)
