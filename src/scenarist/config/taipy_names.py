"""The names of Taipy that Scenarist has too, and what to do instead of the others."""

from collections.abc import Mapping

from scenarist.config.keys import PIPELINES_INSTEAD

EQUIVALENTS: Mapping[str, tuple[str, str]] = {
    "Config": ("scenarist", "Config"),
    "Scope": ("scenarist", "Scope"),
    "Frequency": ("scenarist", "Frequency"),
    "DataNodeConfig": ("scenarist.config", "DataNodeConfig"),
    "TaskConfig": ("scenarist.config", "TaskConfig"),
    "ScenarioConfig": ("scenarist.config", "ScenarioConfig"),
    "JobConfig": ("scenarist.config", "JobConfig"),
    "CoreSection": ("scenarist.config", "CoreConfig"),
}
"""Module and name here, by the name in any module of Taipy."""

MODULES = frozenset(
    {
        *("taipy", "core", "config", "common", "rest", "gui", "gui_core", "builder", "enterprise"),
        *("auth", "data", "scenario", "sequence", "task", "cycle", "job", "submission"),
        *("notification", "global_app", "frequency", "scope", "logger", "section", "templates"),
        *("data_node_config", "task_config", "scenario_config", "job_config", "core_section"),
        *("extensions", "designer", "_entity", "exceptions", "reason", "pipeline"),
    }
)
"""Packages and modules of Taipy, of all versions."""

GUI_MODULES = frozenset({"gui", "gui_core", "builder", "extensions", "designer"})

_CLIENT = "or with scenarist.Client (docs/from-taipy.md)"
_IN_GUI = (
    "Scenarist serves no pages of an application: its console shows scenarios and data; keep "
    "pages in a program of their own, which works with the server through scenarist.Client"
)
_INSTEAD = {
    "Orchestrator": "remove it: scenarist serve runs the jobs",
    "Core": "remove it: scenarist serve runs the jobs",
    "Rest": "remove it: scenarist serve serves REST",
    "run": "remove it: start the server with scenarist serve",
    "Gui": _IN_GUI,
    "Icon": _IN_GUI,
    "State": _IN_GUI,
    "Markdown": _IN_GUI,
    "Html": _IN_GUI,
    "Page": _IN_GUI,
    "create_scenario": (
        "a module that is served declares only; create scenarios with POST "
        "/api/v1/scenarios?config_id=…, or client.scenarios.create(…)"
    ),
    "create_global_data_node": (
        "create it with POST /api/v1/datanodes?config_id=…, or client.data_nodes.create(…)"
    ),
    "submit": (
        "submit with POST /api/v1/scenarios/submit/{scenario_id}, or client.scenarios.submit(…)"
    ),
    "set_primary": "promote with client.scenarios.promote(…)",
    "compare_scenarios": "compare with POST /api/v1/scenarios/compare, or client.scenarios.compare",
    "cancel_job": "cancel with POST /api/v1/jobs/cancel/{job_id}, or client.jobs.cancel(…)",
    "subscribe_scenario": "subscribe with a webhook (POST /api/v1/scenarios/{id}/subscribers)",
    "unsubscribe_scenario": "subscribe with a webhook (POST /api/v1/scenarios/{id}/subscribers)",
    "subscribe_sequence": "subscribe with a webhook (POST /api/v1/sequences/{id}/subscribers)",
    "unsubscribe_sequence": "subscribe with a webhook (POST /api/v1/sequences/{id}/subscribers)",
    "CoreEventConsumerBase": "follow changes with client.events(), or with a webhook",
    "Notifier": "follow changes with client.events(), or with a webhook",
    "clean_all_entities": "delete entities with client.scenarios.delete(…)",
    "MongoDefaultDocument": "leave custom_document out: documents are dicts then",
    "Pipeline": "a pipeline of Taipy 2 is a sequence of a scenario",
    "Cycle": f"entities are read over REST {_CLIENT}",
    "Scenario": f"entities are read over REST {_CLIENT}",
    "Sequence": f"entities are read over REST {_CLIENT}",
    "Task": f"entities are read over REST {_CLIENT}",
    "DataNode": f"entities are read over REST {_CLIENT}",
    "Job": f"entities are read over REST {_CLIENT}",
    "Submission": f"entities are read over REST {_CLIENT}",
}

_CONFIG_INSTEAD = {
    "configure_pipeline": PIPELINES_INSTEAD,
    "set_default_pipeline_configuration": PIPELINES_INSTEAD,
    "configure_default_pipeline": PIPELINES_INSTEAD,
    "pipelines": PIPELINES_INSTEAD,
    "configure_scenario_from_tasks": "call configure_scenario with the tasks",
    "configure_default_data_node": "call set_default_data_node_configuration",
    "configure_default_task": "call set_default_task_configuration",
    "configure_default_scenario": "call set_default_scenario_configuration",
    "configure_gui": _IN_GUI,
    "gui_config": _IN_GUI,
    "add_migration_function": "remove it: entities need no migration (docs/changing.md)",
    "configure_migration": "remove it: entities need no migration (docs/changing.md)",
    "migration_functions": "remove it: entities need no migration (docs/changing.md)",
    "add_job_mode": "choose an executor with scenarist serve --executor",
}

_READING = {
    *("can_create", "delete", "delete_job", "delete_jobs", "exists", "get", "get_cycles"),
    *("get_cycles_scenarios", "get_data_nodes", "get_entities_by_config_id", "get_jobs"),
    *("get_latest_job", "get_latest_submission", "get_parents", "get_primary"),
    *("get_primary_scenarios", "get_scenarios", "get_sequences", "get_submissions", "get_tasks"),
    *("is_deletable", "is_editable", "is_promotable", "is_readable", "is_submittable", "tag"),
    *("untag", "Status", "SubmissionStatus", "Submittable", "CycleId", "DataNodeId", "JobId"),
    *("ScenarioId", "SequenceId", "SubmissionId", "TaskId"),
}
"""Further names of the package ``taipy``, for which there is one answer."""

_GUI_NAMES = frozenset(
    {
        *("Gui", "Icon", "State", "Markdown", "Html", "Page", "Partial", "notify", "navigate"),
        *("download", "hold_control", "resume_control", "invoke_callback", "invoke_long_callback"),
        *("get_state_id", "get_user_content_url"),
    }
)

KEYWORDS_INSTEAD = {
    "pipeline_configs": PIPELINES_INSTEAD,
    "pipelines": PIPELINES_INSTEAD,
    "nb_of_workers": "write max_nb_of_workers",
    "read_fct_params": "write read_fct_args",
    "write_fct_params": "write write_fct_args",
    "cacheable": "set skippable=True on the task that writes the data node",
}
"""What to write instead of arguments that configure functions no longer have."""


def list_star_names(*, is_gui: bool) -> frozenset[str]:
    """Return the names that ``from taipy import *``, or that of a module with pages, may give."""
    return _GUI_NAMES if is_gui else frozenset({*EQUIVALENTS, *_INSTEAD, *_READING})


def find_instead(name: str, *, is_gui: bool = False) -> str:
    """Return what to do instead of a name of Taipy that Scenarist does not have."""
    if is_gui:
        return _IN_GUI
    if name.startswith(("get", "exists", "is_", "can_")):
        return f"entities are read over REST {_CLIENT}"
    return (
        _INSTEAD.get(name) or f"there is no such thing here; work with entities over REST {_CLIENT}"
    )


def find_config_instead(attribute: str) -> str | None:
    """Return what to write instead of an attribute of ``Config`` that other versions had."""
    return _CONFIG_INSTEAD.get(attribute)


def find_member_fault(enumeration: str, member: str) -> str | None:
    """Return what to write instead of a member of Scope or Frequency that does not exist."""
    if (enumeration, member) == ("Scope", "PIPELINE"):
        return "write Scope.SCENARIO: data nodes of a pipeline belong to its scenario"
    return None
