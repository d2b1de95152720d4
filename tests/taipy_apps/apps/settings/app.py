from taipy import Config

app_cfg = Config.configure_global_app(title="Plan", name="ENV[APP_NUMBER]:int")
Config.configure_core(storage_folder="data_of_app/", version_number="1.0")
Config.configure_job_executions(mode="standalone", max_nb_of_workers=3)
jobs = Config.configure_job_executions(mode="standalone")
Config.configure_job_executions(mode="development")


def collect(values):
    return values


seen = Config.configure_data_node(
    "seen",
    default_data=[
        app_cfg.title,
        app_cfg.name,
        app_cfg.nothing,
        Config.global_config.title,
        Config.core.storage_folder,
        Config.core.version_number,
        Config.core.read_entity_retry,
        jobs.max_nb_of_workers,
        Config.job_config.mode,
        Config.job_config.nothing,
    ],
)
result = Config.configure_data_node("result")
Config.configure_scenario("showing", [Config.configure_task("show", collect, seen, result)])
