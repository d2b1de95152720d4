"""Databases of SQLite that a test begins anew."""

from pathlib import Path
from typing import Any


def fresh_sqlite(folder: Path, **more: Any) -> dict[str, Any]:
    """Return the properties of a database without tables; one of before is removed."""
    (folder / "plan.db").unlink(missing_ok=True)
    return {
        "db_name": "plan",
        "db_engine": "sqlite",
        "sqlite_folder_path": str(folder),
        **more,
    }
