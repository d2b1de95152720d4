"""The registry: the functions with which a pipeline's author declares everything."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scenarist.config.check import WriteInitialValue, find_problems, find_warnings
from scenarist.config.data_nodes import DataNodeRegistry, collect_given
from scenarist.config.declarations import DEFAULT_ID, Declarations
from scenarist.config.drafts import ConfigProblem
from scenarist.config.entries import (
    AuthenticationConfig,
    CoreConfig,
    DataNodeConfig,
    DataNodes,
    Entries,
    Exceptions,
    Function,
    GlobalAppConfig,
    JobConfig,
    ScenarioConfig,
    TaskConfig,
    Tasks,
    UniqueSection,
)
from scenarist.config.function_inspection import InspectUses
from scenarist.config.origins import find_caller_position
from scenarist.config.outcomes import Outcome
from scenarist.config.taipy_names import find_config_instead
from scenarist.config.toml_reading import declare_file
from scenarist.config.toml_writing import write_file
from scenarist.domain.vocabulary import Frequency


class ConfigRegistry(DataNodeRegistry):
    """The declarations of a pipeline, made in Python or in files.

    A mistake in a declaration raises no exception: `check` reports all of them at once.
    Configuring an id or a section again changes the arguments that are passed and keeps the
    others. While updates are blocked, each configure function raises a `ConflictError`.

    ``**properties`` of a configure function are further keys of the entry. Custom properties,
    which can have any name, go under ``properties={…}``.
    """

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Raise the error of a missing attribute, with what to write instead."""
            instead = find_config_instead(name)
            hint = f"; {instead}" if instead else ""
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    @property
    def data_nodes(self) -> Entries[DataNodeConfig]:
        declared = self._declarations
        default = declared.defaults.get("DATA_NODE")
        return Entries(
            declared.data_nodes, default or DataNodeConfig(id=DEFAULT_ID, declarations=declared)
        )

    @property
    def tasks(self) -> Entries[TaskConfig]:
        declared = self._declarations
        default = declared.defaults.get("TASK")
        return Entries(declared.tasks, default or TaskConfig(id=DEFAULT_ID, declarations=declared))

    @property
    def scenarios(self) -> Entries[ScenarioConfig]:
        declared = self._declarations
        default = declared.defaults.get("SCENARIO")
        return Entries(
            declared.scenarios, default or ScenarioConfig(id=DEFAULT_ID, declarations=declared)
        )

    @property
    def sections(self) -> Mapping[str, Entries[Any]]:
        """The data nodes, tasks and scenarios by family: ``DATA_NODE``, ``TASK``, ``SCENARIO``."""
        families = (self.data_nodes, self.tasks, self.scenarios)
        return {entries.family: entries for entries in families}

    @property
    def unique_sections(self) -> Mapping[str, UniqueSection]:
        """``CORE``, ``JOB``, and ``AUTHENTICATION`` if it is declared."""
        sections: dict[str, UniqueSection] = {"CORE": self.core, "JOB": self.jobs}
        if self.authentication != AuthenticationConfig():
            sections["AUTHENTICATION"] = self.authentication
        return sections

    @property
    def jobs(self) -> JobConfig:
        return self._declarations.jobs

    @property
    def job_config(self) -> JobConfig:
        """The same as `jobs`."""
        return self._declarations.jobs

    @property
    def core(self) -> CoreConfig:
        return self._declarations.core

    @property
    def authentication(self) -> AuthenticationConfig:
        return self._declarations.authentication

    @property
    def global_app(self) -> GlobalAppConfig:
        """The section [TAIPY], which describes the application as a whole."""
        return GlobalAppConfig(lambda: self._declarations.global_app)

    @property
    def global_config(self) -> GlobalAppConfig:
        """The same as `global_app`."""
        return self.global_app

    @property
    def settings(self) -> Mapping[str, Any]:
        """The section [SCENARIST] as written in the file: settings of the server."""
        return MappingProxyType(self._declarations.settings)

    def configure_task(
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
        cache: bool | str | None = None,
        cache_version: str | None = None,
        **properties: Any,
    ) -> TaskConfig:
        """Declare a task.

        Args:
            input: The data nodes that supply the function's arguments, in order.
            output: The data nodes that store the function's result. With several, the function
                returns as many values.
            skippable: Whether to skip it while its outputs were made from its current inputs.
            timeout: How long one attempt may run before it is stopped; unlimited by default.
            retries: How often it is retried after a failure.
            retry_delay: The delay before the first retry; doubles before each further one. Jitter
                adds up to a quarter, so that tasks that failed together do not retry together.
            retry_on: The exceptions after which it is retried; all by default. A timeout counts
                as ``TimeoutError``.
            retries_after_loss: How often it runs again after its process was lost. With 0 it runs
                at most once, even if the server is lost.
            fresh: Whether each of its jobs gets its own process.
            cache: Whether its outputs are taken from any earlier job that computed them from the
                same contents with the same code.
            cache_version: Part of what must be the same; change it when something else changes that
                the outputs depend on, such as the version of a library.
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
            "cache": cache,
            "cache_version": cache_version,
            **properties,
        }
        task = self._declarations.declare_task(id, given, find_caller_position())
        if id == DEFAULT_ID:
            self._declarations.reject_default("TASK", find_caller_position())
        return task

    def set_default_task_configuration(
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
        cache: bool | str | None = None,
        cache_version: str | None = None,
        **properties: Any,
    ) -> TaskConfig:
        """Declare the defaults of the tasks that are configured after this call."""
        given = collect_given(locals())
        self._declarations.require_open()
        self._declarations.drop_default("TASK")
        default = self.configure_task(DEFAULT_ID, **given)
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
        *,
        outcomes: Mapping[str, Outcome] | None = None,
        **properties: Any,
    ) -> ScenarioConfig:
        """Declare a scenario.

        Args:
            additional_data_node_configs: Data nodes of the scenario that no task uses.
            frequency: How long its cycles last; without one it belongs to no cycle.
            comparators: Functions over the values of a data node in several scenarios, by data
                node id.
            sequences: Tasks of the scenario that can be submitted together, by name.
            outcomes: The figures by which scenarios are judged, by name.
        """
        self._declarations.require_open()
        given = {
            "tasks": task_configs,
            "additional_data_nodes": additional_data_node_configs,
            "frequency": frequency,
            "comparators": comparators,
            "sequences": sequences,
            "outcomes": outcomes,
            **properties,
        }
        scenario = self._declarations.declare_scenario(id, given, find_caller_position())
        if id == DEFAULT_ID:
            self._declarations.reject_default("SCENARIO", find_caller_position())
        return scenario

    def set_default_scenario_configuration(
        self,
        task_configs: Tasks | None = None,
        additional_data_node_configs: DataNodes | None = None,
        frequency: Frequency | str | None = None,
        comparators: Mapping[str, Function | Sequence[Function]] | None = None,
        sequences: Mapping[str, Tasks] | None = None,
        *,
        outcomes: Mapping[str, Outcome] | None = None,
        **properties: Any,
    ) -> ScenarioConfig:
        """Declare the defaults of the scenarios that are configured after this call."""
        given = collect_given(locals())
        self._declarations.require_open()
        self._declarations.drop_default("SCENARIO")
        default = self.configure_scenario(DEFAULT_ID, **given)
        self._declarations.accept_default("SCENARIO")
        return default

    def configure_core(
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
        given = collect_given(locals())
        self._declarations.require_open()
        self._declarations.core = self._declarations.declare_section(
            "CORE", self._declarations.core, given, find_caller_position()
        )
        return self._declarations.core

    def configure_job_executions(
        self,
        mode: str | None = None,
        max_nb_of_workers: int | str | None = None,
        **properties: Any,
    ) -> JobConfig:
        """Declare the section [JOB]."""
        given = collect_given(locals())
        self._declarations.require_open()
        self._declarations.jobs = self._declarations.declare_section(
            "JOB", self._declarations.jobs, given, find_caller_position()
        )
        return self._declarations.jobs

    def configure_authentication(
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
            passwords: Password hashes by user.
            auth_session_duration: In seconds.
        """
        given = collect_given(locals())
        self._declarations.require_open()
        self._declarations.authentication = self._declarations.declare_section(
            "AUTHENTICATION", self._declarations.authentication, given, find_caller_position()
        )
        return self._declarations.authentication

    def configure_global_app(self, **properties: Any) -> GlobalAppConfig:
        """Declare the section [TAIPY]."""
        self._declarations.require_open()
        self._declarations.global_app = self._declarations.declare_table(
            "TAIPY", self._declarations.global_app, properties, find_caller_position()
        )
        return self.global_app

    def load(self, filename: str) -> None:
        """Replace all declarations with those of a file. Files that override stay in force.

        Raises:
            InvalidError: The file cannot be read or is not TOML. Nothing was replaced.
        """
        self._declarations.require_open()
        loaded = Declarations()
        declare_file(loaded, filename)
        for file in self._override_files:
            declare_file(loaded, file, over=True)
        # The caller may keep entries of the replaced declarations; reject changes to them.
        self._declarations.closed_reason = (
            "this entry was replaced when a file was loaded; get it from the registry again"
        )
        self._declarations = loaded

    def override(self, filename: str) -> None:
        """Apply a file over the current declarations; change only the keys that it contains.

        Its values stay in force: a later declaration of the same key does not change them. An
        attribute that is set on an entry does.

        Raises:
            InvalidError: The file cannot be read or is not TOML. Nothing was applied.
        """
        self._declarations.require_open()
        declare_file(self._declarations, filename, over=True)
        self._override_files.append(filename)

    def export(self, filename: str) -> None:
        """Write a file that loads back to the same entries.

        Each entry is written with the defaults that it was given, so the file does not contain
        the default sections.

        Raises:
            InvalidError: TOML cannot represent a value, such as default data. The message names
                its entry and key.
        """
        write_file(self._declarations, filename)

    def backup(self, filename: str) -> None:
        """Write a file for `restore`; the same as `export`."""
        self.export(filename)

    def restore(self, filename: str) -> None:
        """Replace all declarations, and files that override, with those that `backup` wrote.

        Raises:
            InvalidError: The file cannot be read or is not TOML. Nothing was replaced.
        """
        overriding, self._override_files = self._override_files, []
        try:
            self.load(filename)
        except BaseException:
            self._override_files = overriding
            raise

    def check(
        self, inspect: InspectUses | None = None, write: WriteInitialValue | None = None
    ) -> list[ConfigProblem]:
        """Return every mistake in the declarations.

        Args:
            inspect: Inspects the named functions; without it they are imported in this process.
            write: Tries to write the initial values of data nodes; without it none is tried.
        """
        return find_problems(self._declarations, inspect, write)

    def warnings(self) -> list[ConfigProblem]:
        """Return declarations that work but may not be intended. Imports nothing."""
        return find_warnings(self._declarations)

    def block_update(self) -> None:
        """Reject every change from now on."""
        self._declarations.closed_reason = (
            "the configuration is in use, so changes are blocked; make them before the server "
            "starts"
        )

    def unblock_update(self) -> None:
        """Allow changes again."""
        self._declarations.closed_reason = None


Config = ConfigRegistry()
"""The default registry."""
