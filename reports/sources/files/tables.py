"""Which files of a folder are tables, and their names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from reports.exceptions import SourceUnusable
from reports.sources.errors import run_error
from reports.sources.files.compression import COMPRESSIONS


def tables_in(files: Iterable[Path], query: str) -> dict[str, Path]:
    """Files by table name, for names that occur in the query. A damaged file doesn't disturb reports on the others."""
    searched = query.lower().replace('""', '"')
    tables: dict[str, Path] = {}
    for path in files:
        name = table_name(path)
        if not re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", searched):
            continue
        if name.lower() in map(str.lower, tables):
            raise run_error(SourceUnusable, f"Two files of this data source have the same table name, “{name}”.", path)
        tables[name] = path
    return tables


def suffix(path: Path) -> str:
    """The extension that tells how to read a file, in small letters: `.csv` for `Sales.CSV.gz`."""
    return Path(_uncompressed_name(path)).suffix.lower()


def table_name(path: Path) -> str:
    """The name of the file's table: `Sales` for `Sales.CSV.gz`."""
    return Path(_uncompressed_name(path)).stem


def data_files(location: Path, suffixes: Collection[str]) -> list[Path]:
    """The data files, without links that lead out of the folder: they would make any file of the machine a table."""
    try:
        paths = [location] if location.is_file() else sorted(location.iterdir())
    except OSError as error:
        raise run_error(SourceUnusable, "The data source's folder does not exist or can't be read.", error) from error
    root = location.resolve()
    return [
        path
        for path in paths
        if suffix(path) in suffixes
        and not path.name.startswith(".")
        and path.is_file()
        and path.resolve().is_relative_to(root)
    ]


def _uncompressed_name(path: Path) -> str:
    return path.stem if path.suffix.lower() in COMPRESSIONS else path.name
