"""The tests of a module are in the file of its name, or the table says where they are."""

from pathlib import Path

import scenarist

PACKAGE = Path(scenarist.__file__).parent
TESTS = Path(__file__).parents[1]

# Types without behaviour; and migrations, which tests/db/test_migrate.py runs.
NEED_NO_FILE = ("db/migrations/", "db/tables/", "domain/entities.py", "schemas/")

# By file of tests: the modules of which it tests most, as folder and names. These are parts of a
# larger whole, which is tested as one, from outside.
TESTED_IN = {
    "services/test_forks.py": ["db: forks", "services: fork_drafts"],
    "services/test_sharing_law.py": ["db: sharing"],
    "api/openapi/test_document.py": [
        "api/openapi: components examples links",
    ],
    "api/routes/test_configs.py": ["services: configs"],
    "api/routes/test_data_nodes.py": ["api: edit_params", "services: data_nodes"],
    "api/routes/test_files.py": ["services: files incoming", "storage/operations: uploading"],
    "api/routes/test_metrics.py": ["api: request_metrics", "observability: prometheus"],
    "api/routes/test_side_by_side.py": ["api: outcomes"],
    "api/routes/test_subscribers.py": ["services: subscribers"],
    "api/routes/test_tasks.py": ["db: tasks provenance", "services: tasks"],
    "api/test_app.py": ["api: problems responses", "api/routes: health"],
    "api/test_appending.py": ["api/routes: values", "storage/operations: appending"],
    "api/test_scenario_deletion.py": ["api: deletions", "db: deletions", "services: deletions"],
    "cli/test_at_a_server.py": [
        "cli: connecting data_nodes exit_codes inputs jobs main orchestration planning",
        "cli: outcomes printing scenarios sequences submissions submitting upgrading watching",
    ],
    "cli/test_identities.py": ["cli: credentials sessions", "server: admin"],
    "cli/test_importing.py": ["server: importing"],
    "cli/test_terminals.py": ["cli: prompts"],
    "client/test_client.py": [
        "client: cycles entities errors jobs orchestration scenarios sequences submissions",
        "client: subscribers tasks",
    ],
    "client/test_data_nodes.py": ["client: data_frames"],
    "config/test_check.py": ["config: check_caching check_functions check_sections"],
    "config/test_value_schemas.py": ["config: type_names", "storage/operations: declared_types"],
    "config/test_check_locations.py": ["domain: locations"],
    "config/test_function_inspection.py": ["config: function_uses"],
    "cli/test_taipy_changes.py": ["config: taipy_stand_in"],
    "config/test_taipy_modules.py": ["config: taipy_names"],
    "config/test_registry.py": ["config: data_nodes declarations drafts known_classes origins"],
    "config/test_toml_reading.py": ["config: overriding"],
    "console/test_pages.py": ["console: vendoring"],
    "db/dialects/test_postgresql.py": ["db/dialects: base"],
    "db/notify/test_notifications.py": ["db/notify: postgresql sqlite"],
    "db/test_each.py": ["db: among"],
    "db/test_group_commit.py": ["domain: commits"],
    "domain/test_parameters.py": ["domain: environment secret_names"],
    "domain/test_lifecycle.py": ["domain: vocabulary"],
    "e2e/test_clusters.py": [
        "executors/cluster: dask engine engine_main engine_process ray ray_actor worker",
    ],
    "e2e/test_pruning.py": ["cli: databases"],
    "e2e/test_start.py": [
        "cli: serving",
        "server: composition paths service_setup",
        "system: file_modes",
    ],
    "e2e/test_traces.py": ["observability: tracing", "orchestrator: spans"],
    "executors/cluster/test_executor.py": ["executors: environments"],
    "executors/isolation/test_worker_snapshot.py": [
        "executors/isolation: c_environment children job_logs library_options namespaces orphans",
        "executors/isolation: process_state randomness",
    ],
    "executors/local/test_executor.py": [
        "executors/local: spawning start_backoff stopping template template_process worker",
    ],
    "executors/test_calls.py": ["executors: runner"],
    "executors/test_conformance.py": [
        "executors: base inline messages outcomes prefetch registry",
    ],
    "identity/test_ldap.py": ["identity: ldap_connections"],
    "orchestrator/test_cancelling.py": [
        "db/jobs: abandon cancel",
        "services: cancellation jobs",
    ],
    "orchestrator/test_clocks.py": ["services: maintenance"],
    "orchestrator/test_first_values.py": ["db/jobs: first_values"],
    "orchestrator/test_leases.py": ["db: leases", "orchestrator: lease_keeper"],
    "orchestrator/test_caching.py": [
        "db/jobs: caching",
        "domain: caching",
        "orchestrator: cached_jobs",
        "services: planned_cache",
    ],
    "orchestrator/test_list_plans.py": [
        "db: paging submissions",
        "db/jobs: rows",
        "domain: listings",
    ],
    "orchestrator/test_loop.py": [
        "db/jobs: claim complete enqueue propagate recipes skipping",
        "orchestrator: job_requests outcomes",
    ],
    "orchestrator/test_named_files.py": [
        "db: named_files",
        "domain: named_files",
        "services: file_watch",
    ],
    "orchestrator/test_output_flusher.py": ["db/jobs: outputs"],
    "orchestrator/test_pausing.py": ["db/jobs: pause", "services: orchestration"],
    "orchestrator/test_places.py": ["db: places", "services: placement"],
    "orchestrator/test_plans.py": ["db: plans", "services: plans"],
    "orchestrator/test_staleness.py": [
        "db: value_sources",
        "domain: explanations",
        "services: staleness",
    ],
    "orchestrator/test_pruning.py": ["db: pruning", "domain: retention", "services: pruning"],
    "server/test_http_protocol.py": ["server: http_rejections"],
    "server/test_versions.py": ["db: servers"],
    "services/test_authentication.py": ["db: sessions"],
    "services/test_comparisons.py": ["db: comparisons"],
    "services/test_declarations.py": ["domain: behaviours", "services: reconciliation"],
    "services/test_drift.py": ["db: drift"],
    "services/test_entity_costs.py": ["db: cycles data_nodes scenarios sequences"],
    "services/test_importing.py": [
        "db: importing",
        "domain: import_report",
        "services: import_edits import_entities import_history import_plan import_selection",
        "storage/operations: opening",
        "taipy: applications folders records values",
    ],
    "services/test_inputs.py": [
        "db: inputs",
        "domain: faults",
        "services: input_recorder present_values value_maker",
    ],
    "services/test_keys.py": ["db: keys"],
    "services/test_locks.py": ["db: locks"],
    "services/test_outcomes.py": ["db: outcomes"],
    "services/test_permissions.py": ["services: container"],
    "services/test_scenario_lists.py": [
        "api: scenario_columns",
        "db: scenario_columns",
        "domain: searching",
    ],
    "services/test_scenarios.py": [
        "db: eligibility",
        "services: eligibility factory new_scenarios",
    ],
    "services/test_side_by_side.py": ["services: input_differences"],
    "services/test_submissions.py": ["services: submit_requests"],
    "services/test_upgrades.py": [
        "db: upgrades",
        "domain: upgrades",
        "services: upgrade_drafts",
    ],
    "services/test_users.py": ["db: credentials users"],
    "services/test_values.py": [
        "orchestrator: worker_calls",
        "server: worker_calls",
        "services: edits value_writer worker_calls write_claims",
    ],
    "storage/files/test_remote.py": ["storage/files: orphans"],
    "storage/formats/test_csv.py": [
        "storage/formats: csv_reading csv_writing",
        "storage/tables: dtypes round_trip",
    ],
    "storage/formats/test_excel.py": ["storage/formats: excel_cells workbooks worksheets"],
    "storage/formats/test_parquet.py": ["storage/formats: parquet_errors"],
    "storage/formats/test_typed_json.py": [
        "storage/formats: typed_arrays typed_reading",
        "storage/python: structures",
    ],
    "storage/tables/test_conversion.py": [
        "storage/formats: exposed_type",
        "storage/tables: series",
    ],
    "storage/tables/test_retyping.py": ["storage/tables: retyped_tables"],
    "storage/tables/test_selection.py": ["storage/tables: comparison"],
    "storage/test_conformance.py": ["storage: base", "storage/files: local path_errors"],
    "storage/test_tables_law.py": [
        "storage/python: data_frames objects",
        "storage/tables: json_data",
    ],
    "webhooks/test_dispatcher.py": ["db: deliveries subscribers", "webhooks: election messages"],
    "webhooks/test_addresses.py": ["domain: webhooks"],
}

LISTED = [
    f"{folder}/{name}.py"
    for lines in TESTED_IN.values()
    for line in lines
    for folder, _, names in [line.partition(": ")]
    for name in names.split()
]


def modules_without_file() -> set[str]:
    """Return the modules of packages that have no file of tests of their name."""
    modules = {
        module.relative_to(PACKAGE)
        for module in PACKAGE.glob("*/**/*.py")
        if module.name != "__init__.py"
    }
    return {
        module.as_posix()
        for module in modules
        if not (TESTS / module.with_name(f"test_{module.name}")).exists()
    }


def test_a_module_has_tests_of_its_name_or_the_table_says_where_they_are() -> None:
    missing = {name for name in modules_without_file() if not name.startswith(NEED_NO_FILE)}

    assert missing - {*LISTED} == set()


def test_the_table_has_no_module_that_is_gone_or_has_tests_of_its_name() -> None:
    assert {*LISTED} - modules_without_file() == set()


def test_the_table_has_each_module_once_and_files_that_exist() -> None:
    assert len(LISTED) == len({*LISTED})
    assert [file for file in TESTED_IN if not (TESTS / file).exists()] == []
