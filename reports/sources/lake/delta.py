"""Delta tables. Their log is fetched into the query's folder, where the library `deltalake` reads it.

So only the store reaches the network. Minimum and maximum values in the log are not used: other programs cut them off
at a millisecond, and files would be skipped that have matching rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from reports.exceptions import SourceUnusable
from reports.sources.errors import run_error
from reports.sources.lake.store import Store, whole
from reports.sources.lake.table import DataFile, LakeTable, conjunction, equals

LOG = "_delta_log"
_LAST = f"{LOG}/_last_checkpoint"
#: Features of tables that change nothing about how rows are read.
_FEATURES = {"timestampNtz", "v2Checkpoint", "vacuumProtocolCheck", "domainMetadata"}
_MAX_LOG_BYTES = 1 << 30
_MAX_COMMITS = 100_000
_PARTITION = "partition."
_UNREADABLE = "A Delta table of the data source can't be read."
_FEATURE = "A Delta table of the data source uses {}, which this server can't read."


def delta_table(store: Store, folder: str, spill: Path) -> LakeTable:
    """Return the newest version of the table in a folder. Raises RunError."""
    from deltalake import DeltaTable

    _fetch_log(store, folder, spill)
    try:
        table = DeltaTable(str(spill))
        _check_features(table)
        adds = pa.table(table.get_add_actions(flatten=True))
        schema = pa.schema(table.schema().to_arrow())
    except SourceUnusable:
        raise
    except Exception as error:
        raise run_error(SourceUnusable, _UNREADABLE, error) from error
    if "deletion_vector" in adds.schema.names and adds.column("deletion_vector").null_count < adds.num_rows:
        raise SourceUnusable(_FEATURE.format("deletion vectors"))
    return LakeTable(_plain(schema), list(_files(adds, folder)))


def _check_features(table: Any) -> None:
    protocol = table.protocol()
    unknown = set(protocol.reader_features or ()) - _FEATURES
    if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
        unknown.add("columnMapping")
    else:
        unknown.discard("columnMapping")
    if unknown or protocol.min_reader_version > 3:
        raise SourceUnusable(_FEATURE.format(", ".join(sorted(unknown)) or "a newer version of the protocol"))


def _files(adds: pa.Table, folder: str) -> Iterator[DataFile]:
    partitions = [name for name in adds.schema.names if name.startswith(_PARTITION)]
    for row in range(adds.num_rows):
        # Paths in the log are percent-encoded (Delta transaction log protocol, "Add File").
        path = unquote(adds.column("path")[row].as_py())
        facts = [equals(name.removeprefix(_PARTITION), adds.column(name)[row]) for name in partitions]
        yield DataFile(f"{folder}/{path}", adds.column("size_bytes")[row].as_py(), conjunction(facts))


def _plain(schema: pa.Schema) -> pa.Schema:
    return pa.schema([column.remove_metadata() for column in schema])


# ---- the log


def _fetch_log(store: Store, folder: str, spill: Path) -> None:
    """Fetch the last checkpoint and the commits after it."""
    (spill / LOG).mkdir(parents=True, exist_ok=True)
    last = whole(store, f"{folder}/{_LAST}", 1 << 20)
    version = -1
    if last:
        try:
            checkpoint = json.loads(last)
            version, parts = int(checkpoint["version"]), int(checkpoint.get("parts") or 0)
        except (ValueError, KeyError, TypeError) as error:
            raise run_error(SourceUnusable, _UNREADABLE, error) from error
        (spill / _LAST).write_bytes(last)
        for name in _checkpoint_names(version, parts):
            if not _fetch(store, folder, f"{LOG}/{name}", spill):
                raise run_error(SourceUnusable, _UNREADABLE, f"{name} is missing")
    for number in range(max(version, 0), max(version, 0) + _MAX_COMMITS):
        # The commit of the checkpoint itself may have been cleaned up.
        if not _fetch(store, folder, f"{LOG}/{number:020d}.json", spill) and number != version:
            break


def _checkpoint_names(version: int, parts: int) -> list[str]:
    name = f"{version:020d}.checkpoint"
    return [f"{name}.{part:010d}.{parts:010d}.parquet" for part in range(1, parts + 1)] or [f"{name}.parquet"]


def _fetch(store: Store, folder: str, path: str, spill: Path) -> bool:
    content = whole(store, f"{folder}/{path}", _MAX_LOG_BYTES)
    if content is not None:
        (spill / path).write_bytes(content)
    return content is not None
