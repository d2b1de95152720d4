"""Downloads the third-party modules of the console with ``npm``: run by ``make vendor``.

The files of a package are copied only if its checksum matches the one pinned here.
"""

import hashlib
import subprocess
import tarfile
import tempfile
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

VENDOR = Path(__file__).with_name("static") / "vendor"
CHECKSUMS = VENDOR / "SHA256SUMS"


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """A package of the npm registry.

    Args:
        integrity: The SHA-512 of the archive, as the registry writes it.
        files: The files to copy, each with its name in the vendor folder.
        changes: Texts to replace: browsers cannot resolve bare module names.
    """

    name: str
    version: str
    integrity: str
    files: Mapping[str, str]
    changes: Mapping[str, str] = field(default_factory=dict)


PACKAGES = (
    Package(
        name="preact",
        version="11.2.0",
        integrity="sha512-/HfHI/7N84e6GrWBJ3J280z3mLaRJiDcSvj/A+y/4AbLnND/1UlGHe1sR6oYuTGwId0nP7dqDU9OnLxMPZ7xBg==",
        files={
            "dist/preact.mjs": "preact.js",
            "hooks/dist/hooks.mjs": "hooks.js",
            "LICENSE": "preact.LICENSE",
        },
        changes={'from"preact"': 'from"./preact.js"'},
    ),
    Package(
        name="htm",
        version="3.1.1",
        integrity="sha512-983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==",
        files={"dist/htm.module.js": "htm.js", "LICENSE": "htm.LICENSE"},
    ),
    Package(
        name="uplot",
        version="1.6.32",
        integrity="sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
        files={
            "dist/uPlot.esm.js": "uplot.js",
            "dist/uPlot.min.css": "uplot.css",
            "LICENSE": "uplot.LICENSE",
        },
    ),
)


class ChecksumError(Exception):
    """The checksum of a package differs from the pinned one."""


def update_vendored_files(packages: tuple[Package, ...] = PACKAGES) -> None:
    """Replace the vendored files with those of the pinned versions, and record their checksums.

    Raises:
        ChecksumError: The registry returned a different archive; no file is changed.
    """
    kept: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        for package in packages:
            kept |= _extract(package, _download(package, Path(folder)))
    for file in VENDOR.iterdir():
        file.unlink()
    for name, content in kept.items():
        (VENDOR / name).write_bytes(content)
    lines = [f"{checksum(content)}  {name}\n" for name, content in sorted(kept.items())]
    CHECKSUMS.write_text("".join(lines))


def checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _download(package: Package, folder: Path) -> Path:
    wanted = f"{package.name}@{package.version}"
    done = subprocess.run(  # noqa: S603 - the arguments are constants of this module
        ["npm", "pack", "--silent", "--pack-destination", str(folder), wanted],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    )
    archive = folder / done.stdout.split()[-1]
    found = "sha512-" + b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != package.integrity:
        message = f"{wanted} has checksum {found}, not {package.integrity}; no file was changed"
        raise ChecksumError(message)
    return archive


def _extract(package: Package, archive: Path) -> dict[str, bytes]:
    taken: dict[str, bytes] = {}
    with tarfile.open(archive) as files:
        for path, name in package.files.items():
            member = files.extractfile(f"package/{path}")
            if member is None:
                raise ChecksumError(f"{package.name}: {path} is not a regular file")
            content = member.read()
            for old, new in package.changes.items():
                content = content.replace(old.encode(), new.encode())
            taken[name] = content
    return taken


if __name__ == "__main__":
    update_vendored_files()
