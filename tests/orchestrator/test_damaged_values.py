"""A job that needs the file of a value FAILS when that file is not as it was written."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from builders import Draft
from orchestrator.world import World
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import JobStatus
from scenarist.storage.base import INLINE_LIMIT


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda file: os.truncate(file, 10), "it has 10 bytes"),
        (lambda file: file.write_bytes(file.read_bytes().replace(b"z", b"y", 1)), "its digest"),
        (lambda file: file.unlink(), "existed before and is gone"),
    ],
    ids=["cut", "changed", "gone"],
)
def test_a_job_that_reads_a_damaged_file_fails_with_the_reason(
    world: World, damage: Callable[[Path], object], reason: str
) -> None:
    def build(draft: Draft) -> tuple[TaskId, DataNodeId]:
        node = draft.node("start", 1, storage_type="json")
        return draft.task("copy", "nothing", [node], [draft.node("end")]), node

    task, node = world.make(build)
    edit = world.data_nodes.write(ANYONE, node, ["z" * INLINE_LIMIT])
    submission = world.submit(task)
    damage(Path(str(edit.uri)))

    world.step()
    world.executor.run()
    world.step()

    (job,) = world.jobs(submission)
    assert job.status is JobStatus.FAILED
    assert reason in str(job.reason)
