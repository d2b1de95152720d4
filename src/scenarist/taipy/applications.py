"""Reads the records of one version of an application of Taipy."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scenarist.domain.errors import InvalidError, NotFoundError
from scenarist.domain.import_report import Remark
from scenarist.taipy.folders import MAX_RECORD_BYTES, TaipyFolder, UnreadableFileError
from scenarist.taipy.records import (
    RecordError,
    RecordT,
    TaipyCycle,
    TaipyDataNode,
    TaipyJob,
    TaipyRecord,
    TaipyScenario,
    TaipySubmission,
    TaipyTask,
    decode_record,
)

LATEST = "latest"
DEVELOPMENT = "development"

_SHOWN_TEXTS = 3
_SHOWN_CHARACTERS = 100

_KNOWN_RELEASE = re.compile(r"3\.1\b.*|4\.[01]\b.*")
_IDS = {
    TaipyCycle: ("cycles", re.compile(r"CYCLE_[\w.-]{1,300}")),
    TaipyScenario: ("scenarios", re.compile(r"SCENARIO_[\w.-]{1,300}")),
    TaipyTask: ("tasks", re.compile(r"TASK_[\w.-]{1,300}")),
    TaipyDataNode: ("data_nodes", re.compile(r"DATANODE_[\w.-]{1,300}")),
    TaipyJob: ("jobs", re.compile(r"JOB_[\w.-]{1,300}")),
    TaipySubmission: ("submission", re.compile(r"SUBMISSION_[\w.-]{1,300}")),
}
"""The folder of the records of a kind, and the form of their identifiers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaipyApplication:
    """The records of one version, by identifier, and what could not be read.

    Args:
        release: The release of Taipy that wrote them; empty if it is not known.
        storage_folder: Where values are, if their records do not say so.
    """

    folder: TaipyFolder
    version: str
    release: str
    storage_folder: str
    cycles: Mapping[str, TaipyCycle]
    scenarios: Mapping[str, TaipyScenario]
    tasks: Mapping[str, TaipyTask]
    data_nodes: Mapping[str, TaipyDataNode]
    jobs: Mapping[str, TaipyJob]
    submissions: Mapping[str, TaipySubmission]
    left_out: Sequence[Remark]
    notes: Sequence[Remark] = ()


@dataclass(frozen=True, slots=True)
class _Versions:
    """The versions of which an application keeps records."""

    known: Sequence[str]
    latest: str | None
    development: str | None
    fault: str | None  #: why the file that names the latest one cannot be read

    def find(self, wanted: str | None) -> str:
        """Return the version with a name, or the latest one.

        Raises:
            NotFoundError: There is no such version.
            InvalidError: It is not known which one is the latest.
        """
        names = ", ".join(self.known) or "none"
        found = wanted
        if wanted in {None, LATEST}:
            found = self.latest
            if self.fault is not None:
                raise InvalidError(
                    f"it is not known which version is the latest: {self.fault}; name one with "
                    f"--version; there are: {names}"
                )
        elif wanted in {DEVELOPMENT, "dev"}:
            found = self.development
        if not found or found not in self.known:
            raise NotFoundError(
                f"the application has no version {wanted or LATEST}; there are: {names}"
            )
        return found


@dataclass(slots=True)
class _Reader:
    folder: TaipyFolder
    left_out: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def read_all(self, kind: type[RecordT], version: str | None) -> dict[str, RecordT]:
        """Return the records of a kind and a version, and note those that cannot be read.

        Args:
            version: None for records that belong to no version.
        """
        name, form = _IDS[kind]
        found: dict[str, RecordT] = {}
        try:
            for path in self.folder.iter_records(name):
                replaced: list[str] = []
                try:
                    data = self.folder.read(path, limit=MAX_RECORD_BYTES)
                    record = decode_record(data, kind, on_replaced=replaced.append)
                    _check_id(record, path, form)
                except (RecordError, UnreadableFileError) as error:
                    self.left_out.append(Remark(path.stem, str(error)))
                    continue
                other = getattr(record, "version", version)
                if other == version:
                    found[record.id] = record
                    if replaced:
                        self.notes.append(_make_note(record.id, replaced))
                else:
                    self.others[str(other)] += 1
        except UnreadableFileError as error:
            self.left_out.append(Remark(name, str(error)))
        return found


def read_application(folder: TaipyFolder, version: str | None = None) -> TaipyApplication:
    """Read the records of a version of an application.

    Args:
        version: Its number, ``latest`` or ``development``; the latest one by default.

    Raises:
        NotFoundError: There is no such version; the message lists those that exist.
        InvalidError: It is not known which one is the latest, or a release of Taipy wrote the
            records whose format is not known.
    """
    versions = _find_versions(folder)
    chosen = versions.find(version)
    reader = _Reader(folder)
    if versions.fault is not None:
        reader.left_out.append(Remark("version.json", versions.fault))
    cores = {known: _read_core(reader, known) for known in versions.known}
    core = cores[chosen]
    release = str(core.get("core_version", ""))
    if release and not _KNOWN_RELEASE.fullmatch(release):
        raise InvalidError(
            f"version {chosen} was written by Taipy {release}; what 3.1 to 4.1 write can be "
            "imported"
        )
    found = TaipyApplication(
        folder=folder,
        version=chosen,
        release=release,
        storage_folder=str(core.get("storage_folder") or "user_data/"),
        cycles=reader.read_all(TaipyCycle, None),
        scenarios=reader.read_all(TaipyScenario, chosen),
        tasks=reader.read_all(TaipyTask, chosen),
        data_nodes=reader.read_all(TaipyDataNode, chosen),
        jobs=reader.read_all(TaipyJob, chosen),
        submissions=reader.read_all(TaipySubmission, chosen),
        left_out=reader.left_out,
        notes=reader.notes,
    )
    reader.left_out += [
        Remark(
            f"version {other}",
            f"{count} records are of this version; import it with --version into a database of "
            "its own",
        )
        for other, count in sorted(reader.others.items())
    ]
    return found


def _make_note(record_id: str, texts: Sequence[str]) -> Remark:
    shown = ", ".join(repr(text[:_SHOWN_CHARACTERS]) for text in texts[:_SHOWN_TEXTS])
    more = len(texts) - _SHOWN_TEXTS
    return Remark(
        record_id,
        f"U+FFFD takes the place of NUL and lone surrogates, which cannot be stored, in {shown}"
        f"{f' and {more} other texts' if more > 0 else ''}",
    )


def _check_id(record: TaipyRecord, path: Path, form: re.Pattern[str]) -> None:
    if not form.fullmatch(record.id):
        raise RecordError(f"its identifier {record.id[:100]!r} is not as Taipy makes them")
    if record.id != path.stem:
        raise RecordError(f"it has the identifier {record.id}, and its file another name")
    config_id = getattr(record, "config_id", "valid")
    if not config_id.isidentifier():
        raise RecordError(f"its config_id {config_id[:100]!r} is no identifier")


def _find_versions(folder: TaipyFolder) -> _Versions:
    try:
        paths = list(folder.iter_records("version"))
    except UnreadableFileError as error:
        raise InvalidError(str(error)) from None
    known = [path.stem for path in paths]
    file = folder.entities / "version.json"
    try:
        current = json.loads(folder.read(file, limit=MAX_RECORD_BYTES))
        latest, development = (current.get(f"{name}_version") for name in (LATEST, DEVELOPMENT))
    except (UnreadableFileError, ValueError, AttributeError, RecursionError) as error:
        reason = str(error) if isinstance(error, UnreadableFileError) else f"{file} is damaged"
        return _Versions(known, None, None, reason)
    return _Versions(known, latest, development, None)


def _read_core(reader: _Reader, version: str) -> dict[str, Any]:
    """Return the section CORE of the configuration of a version; empty, and noted, if damaged."""
    entry = f"version/{version}.json"
    try:
        data = reader.folder.read(reader.folder.entities / entry, limit=MAX_RECORD_BYTES)
        config = json.loads(json.loads(data)["config"])
        found = config.get("CORE", {})
    except (UnreadableFileError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = str(error) if isinstance(error, UnreadableFileError) else "its JSON is damaged"
    except RecursionError:
        reason = "its JSON is damaged"
    else:
        if isinstance(found, dict):
            return found
        reason = "its CORE is no JSON object"
    reader.left_out.append(
        Remark(
            entry,
            f"{reason}; which release of Taipy wrote the version is not known, and values are "
            "looked for in user_data",
        )
    )
    return {}
