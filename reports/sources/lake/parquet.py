"""Tables that are Parquet files: a single one, or a folder with folders such as `day=2024-01-31` in it (Hive)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from reports.exceptions import SourceUnusable
from reports.sources.lake.filesystem import LakeFiles
from reports.sources.lake.store import Object
from reports.sources.lake.table import DataFile, LakeTable, conjunction, equals

_NULL = "__HIVE_DEFAULT_PARTITION__"
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parquet_table(files: LakeFiles, folder: str, objects: Sequence[Object]) -> LakeTable:
    """Return the table of these objects. Its columns are those of the last file; columns that others lack are NULL.

    Raises SourceUnusable.
    """
    found = [each for each in objects if _is_data(each.path.removeprefix(folder))]
    if not found:
        raise SourceUnusable("A folder of the data source has no Parquet files, and is no Delta or Iceberg table.")
    found.sort(key=lambda each: each.path)
    partitions = [_partition(each.path.removeprefix(folder)) for each in found]
    names = list(partitions[0])
    if any(list(partition) != names for partition in partitions):
        raise SourceUnusable("The folders of a table of the data source don't all name the same columns.")
    types = {name: _type_of([partition[name] for partition in partitions]) for name in names}
    last = found[-1]
    files.sizes[last.path] = last.size
    in_file = pq.read_schema(files.open_input_file(last.path)).remove_metadata()
    fields = [column for column in in_file if column.name not in types]
    fields += [pa.field(name, type) for name, type in types.items()]
    known = [
        conjunction([equals(name, _scalar(text, types[name])) for name, text in partition.items()])
        for partition in partitions
    ]
    data = [DataFile(each.path, each.size, fact) for each, fact in zip(found, known, strict=True)]
    return LakeTable(pa.schema(fields), data)


def _is_data(path: str) -> bool:
    """Names that begin with a dot or an underscore are those of other files, by convention."""
    parts = path.strip("/").split("/")
    return path.endswith(".parquet") and not any(part.startswith((".", "_")) for part in parts if "=" not in part)


def _partition(path: str) -> dict[str, str | None]:
    """The columns that the folders name, with their texts; None for NULL."""
    pairs = [part.partition("=") for part in path.split("/")[:-1] if "=" in part]
    return {unquote(name): None if value == _NULL else unquote(value) for name, _, value in pairs}


def _type_of(texts: list[str | None]) -> pa.DataType:
    """A type that says all that the texts say: `01` stays text."""
    given = [text for text in texts if text is not None]
    if given and all(map(_INTEGER.fullmatch, given)):
        return pa.int64()
    return pa.date32() if given and all(map(_is_date, given)) else pa.string()


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _scalar(text: str | None, type: pa.DataType) -> pa.Scalar:
    if text is None or pa.types.is_string(type):
        return pa.scalar(text, type)
    return pa.scalar(date.fromisoformat(text) if pa.types.is_date(type) else int(text), type)
