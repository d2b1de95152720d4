"""Compares recorded tasks with what the application declares now."""

from dataclasses import replace

from scenarist.config import Application
from scenarist.config.code_digests import CodeDigests, iter_storage_functions
from scenarist.config.value_schemas import find_type_name
from scenarist.domain.behaviours import Behaviour, DeclaredConfigs, DeclaredTask
from scenarist.domain.entities import Task
from scenarist.domain.outcomes import find_places


def load_declared(application: Application, version: str | None = None) -> DeclaredConfigs:
    """Return what an application of this version declares, with digests of its tasks' code."""
    digests = CodeDigests(application.search_path)
    tasks = {
        config.id: DeclaredTask(
            inputs=tuple(node.id for node in config.inputs),
            outputs=tuple(node.id for node in config.outputs),
            behaviour=replace(Behaviour.of(config), function=str(config.function)),
            code_digest=digests.digest_of(
                [
                    config.function,
                    *(
                        name
                        for node in (*config.inputs, *config.outputs)
                        for name in iter_storage_functions(node.properties)
                    ),
                ]
            ),
            cache=config.cache,
            cache_version=config.cache_version,
        )
        for config in application.registry.tasks.values()
    }
    types = {
        config.id: name
        for config in application.registry.data_nodes.values()
        if (name := find_type_name(config.properties)) is not None
    }
    outcomes = {
        config.id: {name: item.as_declared() for name, item in config.outcomes.items()}
        for config in application.registry.scenarios.values()
        if config.outcomes
    }
    return DeclaredConfigs(
        tasks,
        frozenset(application.registry.scenarios),
        version=version,
        types=types,
        outcomes=outcomes,
        figures=find_places(item for named in outcomes.values() for item in named.values()),
    )


def find_task_fault(task: Task, declared: DeclaredConfigs) -> str | None:
    """Return why a task cannot run as the application declares it now; None if it can."""
    return declared.find_task_fault(task.config_id, task.input_configs, task.output_configs)


def as_declared(task: Task, declared: DeclaredConfigs | None) -> Task:
    """Return a task with its declared behaviour, or as recorded if the declaration differs."""
    if declared is None or find_task_fault(task, declared) is not None:
        return task
    behaviour = declared.tasks[task.config_id].behaviour
    return task if behaviour.is_of(task) else replace(task, **behaviour.as_fields())
