"""Lakes: tables of Parquet files, Delta and Iceberg tables on object stores and HTTP servers, read by DuckDB.

Arrow fetches the ranges of the files that a query needs: DuckDB tells it columns and filters, and files whose partition
or statistics rule a filter out are not opened.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import duckdb

from common.outbound.connecting import AddressRules
from reports.exceptions import SourceUnusable
from reports.sources.base import Limits, SourceSpec
from reports.sources.duckdb.engine import DuckdbEngine, Exposed, configuration
from reports.sources.errors import run_error
from reports.sources.lake.delta import LOG, delta_table
from reports.sources.lake.filesystem import LakeFiles
from reports.sources.lake.parquet import parquet_table
from reports.sources.lake.store import Object, Store, open_store
from reports.sources.lake.table import LakeTable
from reports.sources.lake.url import LakeRules, LakeUrl

_PARQUET = ".parquet"


class LakeSource(DuckdbEngine):
    """A folder of tables: Parquet files, folders of them, Delta and Iceberg tables."""

    kind: ClassVar[str] = "lake"
    items_at_most: ClassVar[int] = 1_000

    def open(self, spec: SourceSpec, limits: Limits) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(config=configuration(limits))

    def expose(self, connection: duckdb.DuckDBPyConnection, spec: SourceSpec, query: str, limits: Limits) -> Exposed:
        url = LakeUrl.of(spec.location)
        files = LakeFiles(_store(spec, url))
        for number, (name, entry) in enumerate(_tables(files.store).items()):
            if re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", query.lower().replace('""', '"')):
                table = _opened(files, url, entry, limits.temp_dir / f"lake{number}")
                connection.register(name, table.dataset(files))
        return OpenLake(files)


class OpenLake(Exposed):
    """The files of a lake that one query reads."""

    def __init__(self, files: LakeFiles) -> None:
        self._files = files

    def error_for(self, error: Exception) -> Exception | None:
        if self._files.fault:
            return self._files.fault
        if "Parquet" in str(error) or isinstance(error, OSError):
            return run_error(SourceUnusable, "A file of the data source is damaged or is no Parquet file.", error)
        return None


def lake_tables(spec: SourceSpec) -> list[str]:
    """Return the names of the tables. Raises RunError."""
    if spec.rules:
        spec.rules.check(spec.location)
    return sorted(_tables(_store(spec, LakeUrl.of(spec.location))), key=str.lower)


def _store(spec: SourceSpec, url: LakeUrl) -> Store:
    addresses = spec.rules.addresses if isinstance(spec.rules, LakeRules) else AddressRules(anywhere=True)
    return open_store(url, addresses)


def _tables(store: Store) -> dict[str, str | Object]:
    """What lies directly in the lake's folder, by the name of its table: the path of a folder, or a file."""
    folders, files = store.folders_and_files("")
    entries: list[str | Object] = [*(folder for folder in folders if not _name(folder).startswith((".", "_"))), *files]
    tables: dict[str, str | Object] = {}
    for entry in entries:
        if isinstance(entry, Object) and not entry.path.endswith(_PARQUET):
            continue
        name = entry.path.removesuffix(_PARQUET) if isinstance(entry, Object) else _name(entry)
        if name.lower() in map(str.lower, tables):
            raise SourceUnusable(f"Two entries of this data source have the same table name, “{name}”.")
        tables[name] = entry
    return tables


def _name(folder: str) -> str:
    return folder.rstrip("/").rpartition("/")[2]


def _opened(files: LakeFiles, url: LakeUrl, entry: str | Object, spill: Path) -> LakeTable:
    if isinstance(entry, Object):
        return _guarded(files, "", [entry])
    folder = entry.rstrip("/")
    if url.is_http:
        is_delta = any(files.store.size(f"{folder}/{LOG}/{name}") for name in ("_last_checkpoint", f"{0:020d}.json"))
        return delta_table(files.store, folder, spill) if is_delta else _iceberg(files, url, folder)
    inner = {_name(each) for each in files.store.folders_and_files(folder)[0]}
    if LOG in inner:
        return delta_table(files.store, folder, spill)
    if "metadata" in inner:
        return _iceberg(files, url, folder)
    return _guarded(files, folder, files.store.objects(folder))


def _guarded(files: LakeFiles, folder: str, objects: list[Object]) -> LakeTable:
    """The table of Parquet files, whose faults are told from others."""
    try:
        return parquet_table(files, folder, objects)
    except (OSError, ValueError) as error:
        sentence = "A file of the data source is damaged or is no Parquet file."
        raise files.fault or run_error(SourceUnusable, sentence, error) from error


def _iceberg(files: LakeFiles, url: LakeUrl, folder: str) -> LakeTable:
    # Imported where it is needed: it takes half a second.
    from reports.sources.lake.iceberg import iceberg_table

    root = f"{url.scheme}://{url.host}/{url.folder}".rstrip("/")
    return iceberg_table(files, folder, root)
