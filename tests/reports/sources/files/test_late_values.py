"""No guess changes a value: a deviating text anywhere in a large file, and every cell is compared with its text."""

from __future__ import annotations

import csv
import gzip
import io
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reports.sources.base import SourceSpec
from tests.reports.sources.files.compressed import zstd
from tests.reports.sources.files.long_form import LATE_FILES, SEED
from tests.reports.sources.files.texts import says

#: DuckDB and this server look at 20,480 rows first.
_SAMPLE, _MOST_ROWS = 20_480, 30_000
#: Texts that are ordinary in a column, by row.
_COLUMNS: dict[str, Callable[[int], str]] = {
    "integer": str,
    "small": lambda row: str(row % 100),
    "amount": lambda row: f"{row % 1000}.{row % 100:02}",
    "ratio": lambda row: str(row / 8),
    "scientific": lambda row: f"{row % 999}e{row % 20 - 10}",
    "day": lambda row: f"2024-{row % 12 + 1:02}-{row % 28 + 1:02}",
    "moment": lambda row: f"2024-03-{row % 28 + 1:02} 13:{row % 60:02}:00",
    "iso": lambda row: f"2024-03-{row % 28 + 1:02}T13:{row % 60:02}:00.{row % 1000:03}",
    "instant": lambda row: f"2024-03-{row % 28 + 1:02}T13:{row % 60:02}:00Z",
    "clock": lambda row: f"{row % 24:02}:{row % 60:02}:{row % 60:02}",
    "flag": lambda row: "true" if row % 2 else "false",
    "name": lambda row: f"name {row}",
    "sparse": lambda row: str(row) if row % 3 else "",
}
_DEVIATIONS = [
    "99.50", "0.49", "1.75", "-1.5", ".5", "5.", "00071", "0", "-0", "-7", "1_000", "1,000", "+5", " 5", "5 ",
    "0x1F", "0b1", "1e2", "1E5", "1.5e300", "1e400", "nan", "NaN", "inf", "-inf", "Infinity", "infinity",
    "-infinity", "9" * 18, "9" * 19, "9" * 38, "9" * 39, "12345678901234567891", "649686000000001631.44",
    "0.1234567890123456789", "1.005", "2024-02-29", "2023-02-29", "1/2/24", "01/02/2024", "2024-1-2", "0024-02-01",
    "0000-01-01", "12024-01-01", "0044-03-15 (BC)", "epoch", "2024-03-01 13:45:00", "2024-03-01T13:45:00",
    "2024-03-01 13:45", "2024-03-01 13:45:00.123456", "2024-03-01 13:45:00.1234567", "2024-03-01 13:45:00+01",
    "2024-03-01T13:45:00+05:30", "2024-03-01 24:00:00", "24:00:00", "25:00:00", "10:00", "10:00:00.123456",
    "10:00:00.1234567", "True", "t", "yes", "1", "n/a", "NULL", "\\N", "", "ü", "'", '"', 'say "hi"', "two\nlines",
    "a;b|c\td", "#1", "x" * 5000,
]  # fmt: skip
#: How many files, and how many columns each has.
_FILES, _WIDTH = (LATE_FILES, len(_COLUMNS)) if LATE_FILES else (3, 4)
_PACKED: dict[str, Callable[[bytes], bytes]] = {"t.csv": bytes, "t.csv.gz": gzip.compress, "t.csv.zst": zstd}


def _file(chance: random.Random) -> str:
    """A CSV file in which most columns have a deviation or two, most of them after the sample."""
    count = chance.randrange(_SAMPLE + 500, _MOST_ROWS)
    names = chance.sample(list(_COLUMNS), _WIDTH)
    rows = [[_COLUMNS[name](row) for name in names] for row in range(count)]
    for column in range(_WIDTH):
        for _ in range(chance.randrange(3)):
            rows[chance.randrange(chance.choice([0, _SAMPLE]), count)][column] = chance.choice(_DEVIATIONS)
    sink = io.StringIO()
    style = {"delimiter": chance.choice(",;\t|"), "lineterminator": chance.choice(["\n", "\r\n"])}
    quoting = chance.choice([csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC])
    writer = csv.writer(sink, quoting=quoting, **style)
    writer.writerow(names)
    writer.writerows(rows)
    return sink.getvalue()


@pytest.mark.parametrize("number", range(_FILES))
def test_every_cell_is_the_value_or_the_text_in_the_file(tmp_path: Path, fetch, number):
    chance = random.Random(f"{SEED} {number}")  # noqa: S311 - the same files in each run
    text = _file(chance)
    name = list(_PACKED)[number % len(_PACKED)]
    (tmp_path / name).write_bytes(_PACKED[name](text.encode()))
    expected = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t|", key=text.split("\n", 1)[0].count))
    header = next(expected)
    columns = chance.sample(header, chance.randrange(1, len(header) + 1))
    table = fetch(SourceSpec(kind="files", location=str(tmp_path)), f"select {', '.join(columns)} from t")
    texts = list(zip(*expected, strict=True))
    for column in columns:
        values = table.column(column).to_pylist()
        wrong = [
            (row, text, value)
            for row, (text, value) in enumerate(zip(texts[header.index(column)], values, strict=True))
            if not says(value, text)
        ]
        assert not wrong, (column, wrong[:5])


def test_a_file_of_another_compressor(tmp_path: Path, fetch):
    """The programs gzip and zstd write checksums and, when files are concatenated, several members."""
    for suffix, command in (("gz", ["gzip", "-c"]), ("zst", ["zstd", "-qc"])):
        try:
            parts = [
                subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
                for text in ("a,b\n1,x\n", "2,y\n")
            ]
        except FileNotFoundError:
            pytest.skip(f"{command[0]} is not installed")
        (tmp_path / f"{suffix}file.csv.{suffix}").write_bytes(b"".join(parts))
        read = fetch(SourceSpec(kind="files", location=str(tmp_path)), f"from {suffix}file")
        assert read.to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
