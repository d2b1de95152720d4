"""A migrated database file, made once for each test worker and copied for each test."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from scenarist.db import migrate
from scenarist.db.engine import Database


@functools.cache
def migrated_file() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="scenarist-empty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = folder / "empty.db"
    with Database(f"sqlite:///{file}") as database:
        migrate.upgrade(database)
    return file


def copy_to(file: Path) -> None:
    """Put an empty database there, if there is none."""
    if not file.exists():
        shutil.copy(migrated_file(), file)
