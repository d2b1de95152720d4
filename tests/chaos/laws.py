"""What must hold of any history, and of the records that it has left.

Each law yields a sentence for each place where it does not hold.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from apps import ledger
from chaos.history import History, Outcome, Submit
from chaos.records import Records, Row
from scenarist.domain.lifecycle import LOST_LIMIT, LOST_TOGETHER_LIMIT

Law = Callable[[History, Records], Iterator[str]]

_UNFINISHED = {"BLOCKED", "PENDING", "RUNNING"}
_MOVES: dict[str | None, set[str]] = {
    None: {"BLOCKED", "PENDING"},
    "BLOCKED": {"PENDING", "CANCELED", "ABANDONED"},
    "PENDING": {"RUNNING", "CANCELED", "BLOCKED"},
    "RUNNING": {"COMPLETED", "FAILED", "PENDING", "CANCELED", "SKIPPED"},
}


def clients_saw_nothing_untrue(history: History, records: Records) -> Iterator[str]:
    del records
    yield from history.faults


def no_submit_is_lost_or_doubled(history: History, records: Records) -> Iterator[str]:
    found: dict[str, list[str]] = {}
    for row in records.submissions:
        found.setdefault(row["properties"].get("mark", ""), []).append(row["id"])
    for made in history.submits:
        stored = found.get(made.mark, [])
        told = {submission for outcome, submission in made.answers if outcome is Outcome.DONE}
        if len(stored) > 1:
            yield f"the submit {made.mark} made {stored}"
        if told and told != set(stored):
            yield f"the submit {made.mark} was acknowledged as {told} and stored as {stored}"
        if stored and not made.has(Outcome.DONE) and not made.has(Outcome.IN_DOUBT):
            yield f"the submit {made.mark} was refused and stored as {stored}"


def every_job_ends(history: History, records: Records) -> Iterator[str]:
    del history
    for job in records.jobs:
        if job["status"] in _UNFINISHED:
            yield f"{job['id']} is {job['status']}: {job['reason']}"
    yield from records.leftovers


def jobs_move_as_they_may(history: History, records: Records) -> Iterator[str]:
    del history
    status: dict[str, str] = {}
    for number, event in records.events:
        if event["kind"] == "JOB" and (after := event.get("status")):
            before = status.get(event["id"])
            if after not in _MOVES.get(before, set()):
                yield f"{event['id']} went from {before} to {after} at {number}"
            status[event["id"]] = after
    for job in records.jobs:
        if status.get(job["id"]) != job["status"]:
            yield f"{job['id']} is {job['status']}, its last event {status.get(job['id'])}"


def submissions_sum_up_their_jobs(history: History, records: Records) -> Iterator[str]:
    del history
    counts: dict[str, Counter[str]] = {}
    for job in records.jobs:
        counts.setdefault(job["submission_id"], Counter())[job["status"]] += 1
    ends = Counter(
        event["id"]
        for _, event in records.events
        if event["kind"] == "SUBMISSION" and event.get("status") in _ENDS
    )
    for row in records.submissions:
        count = counts.get(row["id"], Counter())
        unfinished = sum(count[status] for status in _UNFINISHED)
        told = (row["unfinished"], row["failed"], row["canceled"])
        if told != (unfinished, count["FAILED"], count["CANCELED"]):
            yield f"{row['id']} counts {told} of {dict(count)}"
        if row["status"] != _sum_of(count, unfinished):
            yield f"{row['id']} is {row['status']} with {dict(count)}"
        if row["status"] and ends[row["id"]] != 1:
            yield f"{row['id']} ended {ends[row['id']]} times in the log of events"


_ENDS = {"COMPLETED", "FAILED", "CANCELED"}


def _sum_of(count: Counter[str], unfinished: int) -> str | None:
    if unfinished:
        return None
    return "FAILED" if count["FAILED"] else "CANCELED" if count["CANCELED"] else "COMPLETED"


def inputs_are_those_of_a_serial_order(history: History, records: Records) -> Iterator[str]:
    """As if each job had run alone, in the order in which they were accepted."""
    del history
    newest = _first_edits(records)
    made = _edits_of_jobs(records)
    for job in records.jobs:
        if not job["attempt"]:
            continue
        side = _SIDES[_config_of(job)][0]
        edit = records.inputs[job["number"]].get(side, "none")
        node = records.edits[edit].data_node if edit in records.edits else "none"
        if edit != newest.get(node) or records.nodes[node]["config_id"] != side:
            yield f"{job['id']} read {edit} of {side}; a serial order reads {newest.get(node)}"
        for edit in made.get(job["id"], []):
            newest[records.edits[edit].data_node] = edit
    for node, edit in newest.items():
        if (last := records.nodes[node]["last_edit_id"]) != edit:
            yield f"the newest value of {node} is {last}, not {edit}"


def inputs_are_those_of_the_submit(history: History, records: Records) -> Iterator[str]:
    """The rate that a job reads was there when its submission was accepted."""
    windows = _windows(history, records)
    for job in records.jobs:
        if job["attempt"] and _config_of(job).startswith("open"):
            read = records.inputs[job["number"]]
            rate = records.edits[read["rate"]].value["number"]
            least, most = windows.get(job["submission_id"], (0, 1 << 60))
            if not least <= rate <= most:
                yield f"{job['id']} read the rate {rate}, not from {least} to {most}"


def jobs_that_completed_made_one_value(history: History, records: Records) -> Iterator[str]:
    """And none has made another one than its function returns for what it read."""
    del history
    made = _edits_of_jobs(records)
    for job in records.jobs:
        edits = made.get(job["id"], [])
        if len(edits) != (job["status"] == "COMPLETED"):
            yield f"{job['id']} is {job['status']} and made {len(edits)} values"
        for edit in (records.edits[edit] for edit in edits):
            expected = _expected(records, job)
            if edit.value != expected:
                yield f"{job['id']} made {_short(edit.value)}, not {_short(expected)}"
            if records.nodes[edit.data_node]["config_id"] != _SIDES[_config_of(job)][1]:
                yield f"{job['id']} wrote {edit.data_node}"


_SIDES = {
    "open_outward": ("left", "outward"),
    "close_outward": ("outward", "right"),
    "open_homeward": ("right", "homeward"),
    "close_homeward": ("homeward", "left"),
}


def _config_of(job: Row) -> str:
    config: str = job["task_id"].removeprefix("TASK_").rpartition("_")[0]
    return config


def _expected(records: Records, job: Row) -> ledger.Value:
    config, read = _config_of(job), records.inputs[job["number"]]
    source = records.edits[read[_SIDES[config][0]]].value
    order = records.edits[read["order"]].value
    if config.startswith("open"):
        return ledger.opened(source["digest"], records.edits[read["rate"]].value, order)
    return ledger.closed(source, order)


def _windows(history: History, records: Records) -> dict[str, tuple[int, int]]:
    by_mark: dict[str, Submit] = {made.mark: made for made in history.submits}
    return {
        row["id"]: (made.least_rate, made.most_rate)
        for row in records.submissions
        if (made := by_mark.get(row["properties"].get("mark", ""))) and not made.is_retry
    }


def _first_edits(records: Records) -> dict[str, str]:
    """Return the first edit of each data node that only jobs write after it."""
    first: dict[str, str] = {}
    for edit in records.edits.values():
        if edit.job is None and records.nodes[edit.data_node]["config_id"] in ("left", "right"):
            first.setdefault(edit.data_node, edit.id)
    return first


def _edits_of_jobs(records: Records) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for edit in records.edits.values():
        if edit.job is not None:
            made.setdefault(edit.job, []).append(edit.id)
    return made


def no_value_is_cut(history: History, records: Records) -> Iterator[str]:
    del history
    for edit in records.edits.values():
        if edit.fault:
            yield f"the edit {edit.id} of {edit.data_node}: {edit.fault}"


def functions_run_as_often_as_attempts_say(history: History, records: Records) -> Iterator[str]:
    del history
    runs = Counter(records.runs)
    attempts: Counter[str] = Counter()
    completed: Counter[str] = Counter()
    for job in records.jobs:
        if job["attempt"]:
            digest = _expected(records, job)["digest"]
            attempts[digest] += job["attempt"]
            completed[digest] += job["status"] == "COMPLETED"
    for digest in runs.keys() | attempts.keys():
        if not completed[digest] <= runs[digest] <= attempts[digest]:
            yield (
                f"{digest} ran {runs[digest]} times, in {attempts[digest]} attempts of which "
                f"{completed[digest]} completed"
            )


def writes_are_kept_in_their_order(history: History, records: Records) -> Iterator[str]:
    stored = [
        edit.value["number"]
        for edit in records.edits.values()
        if records.nodes[edit.data_node]["config_id"] == "rate"
    ]
    if stored != sorted(set(stored)):
        yield f"the rates are out of order or doubled: {stored}"
    for number, outcome in history.rates.items():
        yield from _once(f"the rate {number}", outcome, stored.count(number))


def appends_are_kept_once(history: History, records: Records) -> Iterator[str]:
    (node,) = (row for row in records.nodes.values() if row["config_id"] == "journal")
    count = Counter(records.edits[node["last_edit_id"]].value)
    for entry, outcome in history.appended.items():
        yield from _once(f"the entry {entry}", outcome, count[entry])


def scenarios_are_kept_once(history: History, records: Records) -> Iterator[str]:
    names = Counter(row["name"] for row in records.scenarios)
    counted = {row["id"]: row["properties"].get("count", 0) for row in records.scenarios}
    for made in history.made:
        if made.deleted is None or made.deleted is Outcome.NOT_DONE:
            yield from _once(f"the scenario {made.name}", made.outcome, names[made.name])
        elif made.deleted is Outcome.DONE and names[made.name]:
            yield f"the scenario {made.name} was deleted and is there"
        if made.id in counted and not made.least <= counted[made.id] <= made.most:
            yield f"{made.id} counts {counted[made.id]}, not from {made.least} to {made.most}"


def _once(what: str, outcome: Outcome, count: int) -> Iterator[str]:
    if count > 1:
        yield f"{what} is there {count} times"
    if outcome is Outcome.DONE and not count:
        yield f"{what} was acknowledged and is lost"
    if outcome is Outcome.NOT_DONE and count:
        yield f"{what} was refused and is there"


def cancels_are_true(history: History, records: Records) -> Iterator[str]:
    status = {row["id"]: row["status"] for row in records.submissions}
    asked = set()
    for submission, answer in history.cancels:
        if answer.outcome is not Outcome.NOT_DONE:
            asked.add(submission)
        if answer.status == 204 and status.get(submission) != "CANCELED":
            yield f"{submission} is {status.get(submission)}, and a cancel was answered 204"
    for job in records.jobs:
        if job["status"] == "CANCELED" and job["submission_id"] not in asked:
            yield f"{job['id']} is CANCELED, and nobody asked for it: {job['reason']}"


def jobs_fail_for_their_own_reasons(history: History, records: Records) -> Iterator[str]:
    del history
    for job in records.jobs:
        reason = job["reason"] or ""
        # The loss that ends a job is not counted any more.
        is_given_up = (
            job["lost"] == LOST_LIMIT - 1 or job["lost_together"] == LOST_TOGETHER_LIMIT - 1
        )
        if job["status"] == "FAILED" and "asked to fail" not in reason and not is_given_up:
            yield f"{job['id']} failed: {reason}"


def streams_are_the_log(history: History, records: Records) -> Iterator[str]:
    logged = [(number, event["id"], event.get("status")) for number, event in records.events]
    for index, stream in enumerate(history.streams):
        seen = [(number, told["entity_id"], told["status"]) for number, told in stream]
        if seen != logged:
            missing, other = set(logged) - set(seen), set(seen) - set(logged)
            yield (
                f"stream {index} has {len(seen)} events, {len(set(seen))} different ones, of "
                f"{len(logged)}; it lacks {sorted(missing)[:5]}, and has besides {list(other)[:5]}"
            )


def subscribers_are_told_in_order(history: History, records: Records) -> Iterator[str]:
    sequences = {row["id"]: row["entity_id"] for row in records.submissions}
    logged: dict[str, list[tuple[str, str]]] = {}
    for _, event in records.events:
        if event["kind"] == "JOB" and event.get("status"):
            sequence = sequences.get(event["submission_id"], "")
            logged.setdefault(sequence, []).append((event["id"], event["status"]))
    for sequence, waiting in records.waiting.items():
        messages = history.deliveries.get(sequence, {}).values()
        told = [(data["job_id"], data["status"]) for data in messages]
        expected = logged.get(sequence, [])
        if told != expected[: len(told)]:
            yield f"the subscriber of {sequence} was told what is not in the log, or out of order"
        elif len(told) + waiting < len(expected):
            yield f"the subscriber of {sequence} was told {len(told)} of {len(expected)} changes"


def _short(value: Any) -> str:
    return str(value)[:200]


LAWS: tuple[Law, ...] = (
    clients_saw_nothing_untrue,
    no_submit_is_lost_or_doubled,
    every_job_ends,
    jobs_move_as_they_may,
    submissions_sum_up_their_jobs,
    inputs_are_those_of_a_serial_order,
    inputs_are_those_of_the_submit,
    jobs_that_completed_made_one_value,
    no_value_is_cut,
    functions_run_as_often_as_attempts_say,
    writes_are_kept_in_their_order,
    appends_are_kept_once,
    scenarios_are_kept_once,
    cancels_are_true,
    jobs_fail_for_their_own_reasons,
    streams_are_the_log,
    subscribers_are_told_in_order,
)


def broken_laws(history: History, records: Records) -> dict[str, list[str]]:
    """Return what does not hold, by the names of the laws."""
    found = {law.__name__: _judged(law, history, records) for law in LAWS}
    return {name: sentences for name, sentences in found.items() if sentences}


def _judged(law: Law, history: History, records: Records) -> list[str]:
    try:
        return list(law(history, records))
    except (KeyError, TypeError) as error:  # a value that is not what it must be
        return [f"it cannot be judged: {error!r}"]
