"""Iceberg tables: `pyiceberg` reads their metadata through the lake's store, and says which files have which values.

The table's catalog isn't asked: the newest metadata in the table's folder counts. The table's own properties choose no
code: they may name any class.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.conversions import from_bytes
from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import FileScanTask, Table
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import DateType, IntegerType, LongType, TimestampType, TimestamptzType

from reports.exceptions import RunError, SourceUnusable
from reports.sources.errors import run_error
from reports.sources.lake.filesystem import LakeFiles
from reports.sources.lake.store import checked, whole
from reports.sources.lake.table import DataFile, LakeTable, conjunction, equals

METADATA = "metadata"
_NUMBER = re.compile(r"v?([0-9]+)")
#: Types whose lowest and highest values in the metadata are exact.
_BOUNDED = (IntegerType, LongType, DateType, TimestampType, TimestamptzType)
_UNREADABLE = "An Iceberg table of the data source can't be read."
_FEATURE = "An Iceberg table of the data source has {}, which this server can't read."


def iceberg_table(files: LakeFiles, folder: str, location: str) -> LakeTable:
    """Return the current snapshot of the table in a folder. `location` is the lake's URL, without secrets.

    Raises RunError.
    """
    try:
        reader = LakeIO(files, folder, location)
        metadata = FromInputFile.table_metadata(reader.new_input(_newest(files, folder)))
        reader.table_location = metadata.location.rstrip("/")
        table = Table(("lake", folder), metadata, "", reader, NoopCatalog("lake"))
        _check_columns(table)
        schema = schema_to_pyarrow(table.schema(), include_field_ids=False)
        data = [_data_file(task, table, reader, schema) for task in table.scan().plan_files()]
    except RunError:
        raise
    except Exception as error:
        raise files.fault or run_error(SourceUnusable, _UNREADABLE, error) from error
    return LakeTable(pa.schema([_plain(column) for column in schema]), data)


def _plain(column: pa.Field) -> pa.Field:
    """The column as Parquet files have it: they don't know large texts."""
    types = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}
    return pa.field(column.name, types.get(column.type, column.type))


def _newest(files: LakeFiles, folder: str) -> str:
    """The path of the newest metadata, below the table's folder."""
    hint = whole(files.store, f"{folder}/{METADATA}/version-hint.text", 1 << 10)
    if hint:
        name = hint.decode().strip().removesuffix(".metadata.json")
        return f"{METADATA}/{f'v{name}' if name.isdecimal() else name}.metadata.json"
    _, found = files.store.folders_and_files(f"{folder}/{METADATA}")
    names = [each.path.rpartition("/")[2] for each in found if each.path.endswith(".metadata.json")]
    numbered = [(int(match[1]), name) for name in names if (match := _NUMBER.match(name))]
    if not numbered:
        raise SourceUnusable("A folder of the data source is no Parquet, Delta or Iceberg table.")
    return f"{METADATA}/{max(numbered)[1]}"


def _check_columns(table: Table) -> None:
    """Refuse a table with renamed or retyped columns: its older files have them under other names, or other types."""
    now = {field.field_id: (field.name, str(field.field_type)) for field in table.schema().fields}
    names = {name: field_id for field_id, (name, _) in now.items()}
    for schema in table.schemas().values():
        for field in schema.fields:
            known = now.get(field.field_id)
            if (known and known != (field.name, str(field.field_type))) or (
                not known and names.get(field.name, field.field_id) != field.field_id
            ):
                raise SourceUnusable(_FEATURE.format("columns that were renamed, replaced or given another type"))


def _data_file(task: FileScanTask, table: Table, reader: LakeIO, schema: pa.Schema) -> DataFile:
    if task.delete_files:
        raise SourceUnusable(_FEATURE.format("deleted rows that are not compacted yet"))
    if str(task.file.file_format).upper().rpartition(".")[2] != "PARQUET":
        raise SourceUnusable(_FEATURE.format("files that are not Parquet"))
    facts = [*_partition(task, table, schema), *_bounds(task, table, schema)]
    return DataFile(reader.path(task.file.file_path), task.file.file_size_in_bytes, conjunction(facts))


def _partition(task: FileScanTask, table: Table, schema: pa.Schema) -> Iterator[pc.Expression]:
    spec = table.specs()[task.file.spec_id]
    for number, partition in enumerate(spec.fields):
        name = table.schema().find_column_name(partition.source_id) or ""
        if isinstance(partition.transform, IdentityTransform) and name in schema.names:
            type = schema.field(name).type
            value = task.file.partition[number]
            if not pa.types.is_floating(type):
                yield equals(name, _scalar(value, type))


def _bounds(task: FileScanTask, table: Table, schema: pa.Schema) -> Iterator[pc.Expression]:
    """What the lowest and highest values of columns say. Rows with NULL may be among them."""
    for field in table.schema().fields:
        if not isinstance(field.field_type, _BOUNDED):
            continue
        low = (task.file.lower_bounds or {}).get(field.field_id)
        high = (task.file.upper_bounds or {}).get(field.field_id)
        if low is not None and high is not None:
            column, type = ds.field(field.name), schema.field(field.name).type
            yield (column >= _scalar(from_bytes(field.field_type, low), type)) | column.is_null()
            yield (column <= _scalar(from_bytes(field.field_type, high), type)) | column.is_null()


def _scalar(value: Any, type: pa.DataType) -> pa.Scalar:
    """Dates and timestamps are counts since 1970 in the metadata."""
    is_count = isinstance(value, int) and (pa.types.is_date(type) or pa.types.is_timestamp(type))
    return (
        pa.scalar(value, pa.int32() if pa.types.is_date(type) else pa.int64()).cast(type)
        if is_count
        else pa.scalar(value, type)
    )


class LakeIO(FileIO):
    """The files of one table for pyiceberg. Those outside of the lake's folder can't be opened, and none is written."""

    def __init__(self, files: LakeFiles, folder: str, location: str) -> None:
        super().__init__()
        self._files, self._folder, self._location = files, folder, location
        #: What the metadata takes for the table's folder: it may have been copied since.
        self.table_location = ""

    def path(self, location: str) -> str:
        """Return the path below the lake's folder. Raises SourceUnusable."""
        for start, folder in ((self.table_location, f"{self._folder}/"), (self._location, "")):
            if start and location.startswith(f"{start}/"):
                return checked(folder + location.removeprefix(f"{start}/"))
        if not self.table_location:
            return checked(f"{self._folder}/{location}")
        raise run_error(SourceUnusable, "A table of the data source refers to files outside of its folder.", location)

    def new_input(self, location: str) -> LakeInput:
        return LakeInput(location, self._files, self.path(location))

    def new_output(self, location: str) -> OutputFile:
        raise NotImplementedError("A lake is only read.")

    def delete(self, location: str | InputFile | OutputFile) -> None:
        raise NotImplementedError("A lake is only read.")


class LakeInput(InputFile):
    """A file of metadata."""

    def __init__(self, location: str, files: LakeFiles, path: str) -> None:
        super().__init__(location)
        self._files, self._path = files, path

    def __len__(self) -> int:
        return int(self._files.get_file_info([self._path])[0].size)

    def exists(self) -> bool:
        return self._files.store.size(self._path) is not None

    def open(self, seekable: bool = True) -> InputStream:
        content = self._files.read(self._path, 0, len(self))
        return io.BytesIO(content)
