"""The registry: the functions with which a pipeline author declares everything."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from scenarist.config.check import Write, find_problems, find_warnings
from scenarist.config.data_nodes import DataNodeFunctions
from scenarist.config.declarations import DEFAULT, Declarations
from scenarist.config.drafts import Problem
from scenarist.config.entries import (
    AuthenticationConfig,
    CoreConfig,
    DataNodeConfig,
    DataNodes,
    Exceptions,
    Function,
    JobConfig,
    ScenarioConfig,
    TaskConfig,
    Tasks,
)
from scenarist.config.looking import Look
from scenarist.config.origins import calling_place
from scenarist.config.toml_reading import declare_file
from scenarist.config.toml_writing import write_file
from scenarist.domain.vocabulary import Frequency


class ConfigRegistry(DataNodeFunctions):
    """What a pipeline author declares, in Python or in files.

    A mistake in a declaration is not raised where it is made: `check` finds all of them at
    once. A configure function that names an id again changes what it gives, and leaves the rest
    as it was; a section likewise. Each raises a `ConflictError` while updates are blocked.

    ``**properties`` of a configure function are further keys of the entry, and ``properties={…}``
    is the one for properties of one's own, which may have any name.
    """

    @property
    def data_nodes(self) -> Mapping[str, DataNodeConfig]:
        return MappingProxyType(self._declarations.data_nodes)

    @property
    def tasks(self) -> Mapping[str, TaskConfig]:
        return MappingProxyType(self._declarations.tasks)

    @property
    def scenarios(self) -> Mapping[str, ScenarioConfig]:
        return MappingProxyType(self._declarations.scenarios)

    @property
    def jobs(self) -> JobConfig:
        return self._declarations.jobs

    @property
    def core(self) -> CoreConfig:
        return self._declarations.core

    @property
    def authentication(self) -> AuthenticationConfig:
        return self._declarations.authentication

    @property
    def global_app(self) -> Mapping[str, Any]:
        """The section [TAIPY]: what describes the application as a whole."""
        return MappingProxyType(self._declarations.global_app)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The section [SCENARIST], as the file has it: settings of the server."""
        return MappingProxyType(self._declarations.settings)

    def configure_task(  # noqa: PLR0913 - the documented parameters
        self,
        id: str,
        function: Function | None = None,
        input: DataNodes | None = None,  # noqa: A002 - documented
        output: DataNodes | None = None,
        skippable: bool | str | None = None,
        *,
        timeout: timedelta | str | None = None,
        retries: int | str | None = None,
        retry_delay: timedelta | str | None = None,
        retry_on: Exceptions | None = None,
        retries_after_loss: int | str | None = None,
        fresh: bool | str | None = None,
        **properties: Any,
    ) -> TaskConfig:
        """Declare a task.

        Args:
            input: What the function's arguments are read from, in order.
            output: What the function's result is written to; with several, it returns as many.
            skippable: Whether it need not run while its outputs are those of its present inputs.
            timeout: How long one attempt may run before it is stopped; for ever if not given.
            retries: How often it is tried again after a failure.
            retry_delay: The wait before the first retry; doubled before each further one. Chance
                adds a quarter at most, so that what failed together does not come back together.
            retry_on: The exceptions after which it is tried again; all if not given. A timeout
                counts as ``TimeoutError``.
            retries_after_loss: How often it runs again after its process or its server was lost;
                0 has it run at most once, whatever happens.
            fresh: Whether each of its jobs has a process of its own.
        """
        self._declarations.require_open()
        given = {
            "function": function,
            "inputs": input,
            "outputs": output,
            "skippable": skippable,
            "timeout": timeout,
            "retries": retries,
            "retry_delay": retry_delay,
            "retry_on": retry_on,
            "retries_after_loss": retries_after_loss,
            "fresh": fresh,
            **properties,
        }
        task = self._declarations.declare_task(id, given, calling_place())
        if id == DEFAULT:
            self._declarations.refuse_default("TASK", calling_place())
        return task

    def set_default_task_configuration(  # noqa: PLR0913 - the documented parameters
        self,
        function: Function | None = None,
        input: DataNodes | None = None,  # noqa: A002 - documented
        output: DataNodes | None = None,
        skippable: bool | str | None = None,
        *,
        timeout: timedelta | str | None = None,
        retries: int | str | None = None,
        retry_delay: timedelta | str | None = None,
        retry_on: Exceptions | None = None,
        retries_after_loss: int | str | None = None,
        fresh: bool | str | None = None,
        **properties: Any,
    ) -> TaskConfig:
        """Declare what tasks that are configured from now on take where nothing is given."""
        self._declarations.require_open()
        self._declarations.drop_default("TASK")
        default = self.configure_task(
            DEFAULT,
            function,
            input,
            output,
            skippable,
            timeout=timeout,
            retries=retries,
            retry_delay=retry_delay,
            retry_on=retry_on,
            retries_after_loss=retries_after_loss,
            fresh=fresh,
            **properties,
        )
        self._declarations.accept_default("TASK")
        return default

    def configure_scenario(
        self,
        id: str,
        task_configs: Tasks | None = None,
        additional_data_node_configs: DataNodes | None = None,
        frequency: Frequency | str | None = None,
        comparators: Mapping[str, Function | Sequence[Function]] | None = None,
        sequences: Mapping[str, Tasks] | None = None,
        **properties: Any,
    ) -> ScenarioConfig:
        """Declare a scenario.

        Args:
            additional_data_node_configs: Data nodes that go with it and that no task uses.
            frequency: How long its cycles last; without one it belongs to no cycle.
            comparators: By data node id: functions over its values in several scenarios.
            sequences: By name: tasks of the scenario that can be submitted together.
        """
        self._declarations.require_open()
        given = {
            "tasks": task_configs,
            "additional_data_nodes": additional_data_node_configs,
            "frequency": frequency,
            "comparators": comparators,
            "sequences": sequences,
            **properties,
        }
        scenario = self._declarations.declare_scenario(id, given, calling_place())
        if id == DEFAULT:
            self._declarations.refuse_default("SCENARIO", calling_place())
        return scenario

    def set_default_scenario_configuration(
        self,
        task_configs: Tasks | None = None,
        additional_data_node_configs: DataNodes | None = None,
        frequency: Frequency | str | None = None,
        comparators: Mapping[str, Function | Sequence[Function]] | None = None,
        sequences: Mapping[str, Tasks] | None = None,
        **properties: Any,
    ) -> ScenarioConfig:
        """Declare what scenarios that are configured from now on take where nothing is given."""
        self._declarations.require_open()
        self._declarations.drop_default("SCENARIO")
        default = self.configure_scenario(
            DEFAULT,
            task_configs,
            additional_data_node_configs,
            frequency,
            comparators,
            sequences,
            **properties,
        )
        self._declarations.accept_default("SCENARIO")
        return default

    def configure_core(  # noqa: PLR0913 - the documented parameters
        self,
        root_folder: str | None = None,
        storage_folder: str | None = None,
        taipy_storage_folder: str | None = None,
        repository_type: str | None = None,
        repository_properties: Mapping[str, Any] | None = None,
        read_entity_retry: int | str | None = None,
        mode: str | None = None,
        version_number: str | None = None,
        force: bool | str | None = None,
        **properties: Any,
    ) -> CoreConfig:
        """Declare the section [CORE]."""
        self._declarations.require_open()
        given = {
            "root_folder": root_folder,
            "storage_folder": storage_folder,
            "taipy_storage_folder": taipy_storage_folder,
            "repository_type": repository_type,
            "repository_properties": repository_properties,
            "read_entity_retry": read_entity_retry,
            "mode": mode,
            "version_number": version_number,
            "force": force,
            **properties,
        }
        self._declarations.core = self._declarations.declare_section(
            "CORE", self._declarations.core, given, calling_place()
        )
        return self._declarations.core

    def configure_job_executions(
        self,
        mode: str | None = None,
        max_nb_of_workers: int | str | None = None,
        **properties: Any,
    ) -> JobConfig:
        """Declare the section [JOB]."""
        self._declarations.require_open()
        given = {"mode": mode, "max_nb_of_workers": max_nb_of_workers, **properties}
        self._declarations.jobs = self._declarations.declare_section(
            "JOB", self._declarations.jobs, given, calling_place()
        )
        return self._declarations.jobs

    def configure_authentication(  # noqa: PLR0913 - the documented parameters
        self,
        protocol: str,
        roles: Mapping[str, Sequence[str]] | None = None,
        passwords: Mapping[str, str] | None = None,
        server: str | None = None,
        base_dn: str | None = None,
        secret_key: str | None = None,
        auth_session_duration: int | str | None = None,
        **properties: Any,
    ) -> AuthenticationConfig:
        """Declare the section [AUTHENTICATION].

        Args:
            passwords: Hashes of passwords, by user.
            auth_session_duration: In seconds.
        """
        self._declarations.require_open()
        given = {
            "protocol": protocol,
            "roles": roles,
            "passwords": passwords,
            "server": server,
            "base_dn": base_dn,
            "secret_key": secret_key,
            "auth_session_duration": auth_session_duration,
            **properties,
        }
        self._declarations.authentication = self._declarations.declare_section(
            "AUTHENTICATION", self._declarations.authentication, given, calling_place()
        )
        return self._declarations.authentication

    def configure_global_app(self, **properties: Any) -> Mapping[str, Any]:
        """Declare the section [TAIPY]."""
        self._declarations.require_open()
        self._declarations.global_app = self._declarations.declare_table(
            "TAIPY", self._declarations.global_app, properties, calling_place()
        )
        return self.global_app

    def load(self, filename: str) -> None:
        """Replace everything that was declared by what a file declares.

        Raises:
            InvalidError: The file cannot be read or is not TOML. Nothing was replaced.
        """
        self._declarations.require_open()
        loaded = Declarations()
        declare_file(loaded, filename)
        # Entries that are still held after this must not look as if they could be changed.
        self._declarations.closed = "this entry was replaced when a file was loaded; take it anew"
        self._declarations = loaded

    def override(self, filename: str) -> None:
        """Apply a file over what is declared: the keys that it names, and no other.

        Raises:
            InvalidError: The file cannot be read or is not TOML. Nothing was applied.
        """
        self._declarations.require_open()
        declare_file(self._declarations, filename, over=True)

    def export(self, filename: str) -> None:
        """Write a file that loads back to the same entries.

        Each entry is written with the defaults that it took, so the default sections
        themselves are not in the file.

        Raises:
            InvalidError: A value (default data above all) has no form in TOML; names its place.
        """
        write_file(self._declarations, filename)

    def backup(self, filename: str) -> None:
        """Write a file for `restore`; the same as `export`."""
        self.export(filename)

    def restore(self, filename: str) -> None:
        """Replace everything by what `backup` wrote; the same as `load`."""
        self.load(filename)

    def check(self, look: Look | None = None, write: Write | None = None) -> list[Problem]:
        """Find every mistake in what is declared.

        Args:
            look: Looks at the functions that are named; without it they are imported here.
            write: Tries the first values of data nodes; without it they are not tried.
        """
        return find_problems(self._declarations, look, write)

    def warnings(self) -> list[Problem]:
        """Find what works, and may not be meant; imports nothing."""
        return find_warnings(self._declarations)

    def block_update(self) -> None:
        """Refuse every change from now on."""
        self._declarations.closed = (
            "the configuration is in use, so changes are blocked; make them before the start"
        )

    def unblock_update(self) -> None:
        """Allow changes again."""
        self._declarations.closed = None


Config = ConfigRegistry()
"""The default registry."""
