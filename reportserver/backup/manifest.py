"""The manifest of a backup: what it has, with the SHA-256 of each file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common.files import rename_durably, sync_folder

NAME = "manifest.json"
#: The layout of a backup's folder. Another one can't be restored by this version.
_LAYOUT = 1


class BadBackup(Exception):
    """The backup is not complete, or not as it was written. The message is a sentence."""


@dataclass
class Manifest:
    """What a backup has. Paths are relative to its folder."""

    #: "sqlite" or "postgresql".
    vendor: str
    created_at: str
    #: The migrations of the database: app and name.
    migrations: list[list[str]]
    #: The number of rows of each table.
    rows: dict[str, int]
    #: The end of the audit log: sequence and hash of the last entry.
    audit_head: list[Any]
    #: The installation that it is a backup of.
    deployment_id: str
    #: The object store that has the results, which are not in the backup; empty if they are.
    artifacts_url: str
    #: Environment variables that were set. Those that may contain a secret have no value.
    settings: dict[str, str]
    layout: int = _LAYOUT
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Add all files of the folder, and write the manifest: the last file of a backup. All are synced."""
        for path in folder.rglob("*"):
            sync_folder(path) if path.is_dir() else _sync(path)
        self.files = {path: {"size": size, "sha256": sha256} for path, size, sha256 in _contents(folder)}
        draft = folder / f"{NAME}.part"
        content = json.dumps(asdict(self), indent=1, sort_keys=True)
        draft.write_text(json.dumps({"sha256": _digest(content), "manifest": content}))
        _sync(draft)
        rename_durably(draft, folder / NAME)
        sync_folder(folder.parent)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest and compare all files with it. Raise BadBackup."""
        try:
            stored = json.loads((folder / NAME).read_text())
            values: Mapping[str, Any] = json.loads(stored["manifest"])
            is_intact = stored["sha256"] == _digest(stored["manifest"])
        except FileNotFoundError:
            raise BadBackup(f"{folder} has no {NAME}: it is not a backup, or one that was not finished.") from None
        except (OSError, ValueError, KeyError, TypeError):
            is_intact, values = False, {}
        if not is_intact:
            raise BadBackup(f"{NAME} was changed.")
        if values["layout"] != _LAYOUT:
            raise BadBackup("Another version of the server wrote this backup. Restore it with that version.")
        manifest = cls(**values)
        found = {path: {"size": size, "sha256": sha256} for path, size, sha256 in _contents(folder)}
        for path in sorted(manifest.files.keys() | found.keys()):
            if manifest.files.get(path) != found.get(path):
                what = "is missing" if path not in found else "was changed" if path in manifest.files else "was added"
                raise BadBackup(f"{path} {what}.")
        return manifest


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _contents(folder: Path) -> Iterator[tuple[str, int, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / NAME:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            yield str(path.relative_to(folder)), path.stat().st_size, sha256
