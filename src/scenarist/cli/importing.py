"""Commands that import what another application left."""

from typing import TYPE_CHECKING

from cyclopts import App

from scenarist.cli.options import Options, Switch, Text, derive_options
from scenarist.cli.serving import load_with_settings
from scenarist.domain.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scenarist.domain.import_report import ImportReport, Remark

    ImportOptions = Options
else:
    ImportOptions = derive_options("database", "storage", "time_zone")

_DEFAULT_OPTIONS = ImportOptions()

# Here, --version is an option of a command.
group = App(name="import", help="Import what another application left.", version_flags=[])


@group.command
def taipy(
    folder: str,
    /,
    *,
    app: str,
    version: Text = None,
    values: Text = None,
    dry_run: Switch = None,
    options: ImportOptions = _DEFAULT_OPTIONS,
) -> None:
    """Import the entities and values of an application of Taipy 3.1 to 4.1; change nothing there.

    Repeat it to import what was added since.

    Args:
        folder: The folder in which the application was started, or its taipy_storage_folder.
        app: The same application here: a module (package.module), a Python file or a TOML file.
        version: The version to import, latest or development [latest].
        values: A folder outside of FOLDER in which the application has kept values.
        dry_run: Only report what would be imported.
    """
    loaded, settings = load_with_settings(app, options)
    from scenarist.server import admin
    from scenarist.server.importing import ImportRequest

    request = ImportRequest(folder=folder, version=version, values=values, is_dry_run=bool(dry_run))
    report = admin.import_taipy(settings, loaded, request)
    _print_report(report, "Would import" if dry_run else "Imported")


def _print_report(report: "ImportReport", done: str) -> None:
    release = f", written by Taipy {report.release}" if report.release else ""
    print(f"{done} version {report.version}{release}:")
    for kind, count in report.counts.items():
        present = f" ({count.present} exist already)" if count.present else ""
        print(f"  {count.added} {kind}{'' if count.added == 1 else 's'}{present}")
    _print_remarks("Left out:", report.left_out)
    _print_remarks("Note:", report.notes)


def _print_remarks(title: str, remarks: "Sequence[Remark]") -> None:
    if remarks:
        print(title)
    for remark in remarks:
        print(f"  {redact(remark.entry)}: {redact(remark.text)}")
