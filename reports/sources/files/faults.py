"""Sentences about files that can't be read: the name of the file, the place where it is known, and the reason.

Retrying doesn't help, and the query isn't to blame. DuckDB's own text goes to Administrators only: it contains paths
and rows.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Collection
from pathlib import Path

from reports.exceptions import RunError, SourceUnusable
from reports.sources.errors import run_error, sentence_for

DAMAGED = "it is damaged or not complete"
CHANGED = "it changed while it was read. Run the report again"
MISSING = "it does not exist any more"
FORBIDDEN = "the server has no permission to"
#: Of a Parquet file, with the name of the column.
LONG_DECIMALS = "its column “{}” has decimals of more than 38 digits, which can't be read exactly"
_NOT_SUPPORTED = "it uses something that this server can't read"

#: How DuckDB's messages about files begin. A message of a query can contain the file's name, too, in a value.
_ABOUT_A_FILE = re.compile(
    r"IO Error|Invalid Input Error: (CSV Error|The CSV Parser|Malformed JSON|JSON transform error"
    r"|.maximum_object_size|Failed to read file|No magic|Footer|File )"
)
_CSV_ERROR = re.compile(r"Invalid Input Error: CSV Error on Line: (\d+)")
_JSON_ERROR = re.compile(r'Malformed JSON in file ".*", at byte (\d+) in (line|record/value) (\d+): ([^.\n]*)')
_JSON_KEY = re.compile(r'JSON transform error in file ".*(?:duplicate key|keys must be unique)', re.DOTALL)
_LONG_DECIMALS = re.compile(LONG_DECIMALS.format(".*"))
_CSV_FIELDS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
#: What DuckDB's text contains, in small letters, and what it means. Wordings differ between places of the same kind.
_CSV_REASONS = (
    ("not utf-8", "is not UTF-8"),
    ("unterminated quote", "has a quote that is never closed, or text after a closing quote"),
    ("maximum line size", "is longer than 2 MB"),
)
_REASONS = (
    ("state machine reached an invalid state", "its lines end in different ways (LF, CR LF or CR)"),
    ("maximum_object_size", "an object in it is larger than 16 MB"),
    ("no such file", MISSING),
    ("permission denied", FORBIDDEN),
    ("encrypted", "it is encrypted"),
    ("crypto", "it is encrypted"),
    ("no magic bytes", "it is not a Parquet file, is damaged, or its end is missing"),
    ("too small to be a parquet", "it is not a Parquet file, is damaged, or its end is missing"),
    ("unsupported", _NOT_SUPPORTED),
    ("not supported", _NOT_SUPPORTED),
    ("only supported", _NOT_SUPPORTED),
    ("not implemented", _NOT_SUPPORTED),
    ("unrecognized", _NOT_SUPPORTED),
    ("unknown", _NOT_SUPPORTED),
)
_ERRNO_REASONS = {errno.ENOENT: MISSING, errno.EACCES: FORBIDDEN, errno.EPERM: FORBIDDEN}


def file_fault(path: Path, reason: str, driver_error: object = "") -> RunError:
    """The error for a file that can't be read, for a reason that continues the sentence."""
    return run_error(SourceUnusable, f"The file “{path.name}” can't be read: {reason}.", driver_error or path)


def os_fault(path: Path, error: OSError) -> RunError:
    """The error for a file that the operating system doesn't open or read."""
    return file_fault(path, _ERRNO_REASONS.get(error.errno or 0, DAMAGED), error)


def named_fault(text: str, paths: Collection[Path]) -> RunError | None:
    """The error for DuckDB's message about one of these files, which it names; None if it is about something else."""
    path = next((path for path in paths if str(path) in text), None)
    if path is None or not _ABOUT_A_FILE.match(text):
        return None
    line = _CSV_ERROR.match(text)
    if line:
        return file_fault(path, f"line {int(line[1]):,} {_csv_reason(text)}", text)
    if found := _LONG_DECIMALS.search(text):
        return file_fault(path, found[0], text)
    if reason := _json_reason(text):
        return file_fault(path, reason, text)
    return file_fault(path, reason_in(text.replace(str(path), "")), text)


def reason_in(text: str) -> str:
    """The reason that DuckDB gives, in our words."""
    return sentence_for(text, _REASONS) or DAMAGED


def _csv_reason(text: str) -> str:
    if fields := _CSV_FIELDS.search(text):
        expected, found = int(fields[1]), int(fields[2])
        return f"has {found:,} field{'' if found == 1 else 's'} instead of {expected:,}"
    return sentence_for(text, _CSV_REASONS) or "is not valid CSV"


def _json_reason(text: str) -> str | None:
    if found := _JSON_ERROR.search(text):
        byte, unit, number, reason = found.groups()
        reason = reason.replace("input length is 0", "nothing where an object should be")
        # DuckDB counts the line that it couldn't read twice.
        place = f"{'line' if unit == 'line' else 'object'} {int(number) - 1:,}"
        return f"{place} is not valid JSON, at byte {int(byte):,}: {reason}"
    return "an object in it has a key twice" if has_duplicate_key(text) else None


def has_duplicate_key(text: str) -> bool:
    """Whether DuckDB's message is about a key that an object of a JSON file has twice. Its line may be wrong."""
    return _JSON_KEY.search(text) is not None
