"""A file that can't be read is named, with the place and the reason. The query isn't blamed, and nothing is retried."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from reports.exceptions import QueryFailed, SourceUnusable
from reports.sources import read
from reports.sources.base import SourceSpec
from tests.reports.sources.files.compressed import zstd
from tests.reports.sources.files.damaged_parquet import DAMAGES, encrypted, with_unsupported_encoding

GOOD = b"a,b\n" + b"1,2\n" * 100_000


@pytest.fixture
def fault(tmp_path: Path, fetch) -> Callable[..., str]:
    """Read a file that can't be read, and return the sentence about it."""

    def message(name: str, data: bytes, query: str = "select count(a) as a, max(b) as b from t") -> str:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(SourceUnusable) as caught:
            fetch(SourceSpec(kind="files", location=str(tmp_path / name)), query)
        assert not caught.value.retryable
        assert caught.value.message.startswith(f"The file “{name}” can't be read: ")
        assert str(tmp_path) not in caught.value.message
        return caught.value.message

    return message


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a,b\n1,2\n3,\xff\n", "line 3 is not UTF-8"),
        (b"a\xff,b\n1,2\n", "line 1 is not UTF-8"),
        (GOOD + b"3,\xff\n" + GOOD, "line 100,002 is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b'a,b\n1,"2\n3,4\n', "line 2 has a quote that is never closed"),
        (GOOD + b'1,"2\n3,4\n', "line 100,002 has a quote that is never closed"),
        (b'"a,b\n1,2\n', "line 1 has a quote that is never closed"),
        (b'a,b\n1,"2"x\n', "line 2 has a quote .* text after a closing quote"),
        (GOOD + b"3\n" + GOOD, "line 100,002 has 1 field instead of 2"),
        (b"a,b\n3,4,5\n", "line 2 has 3 fields instead of 2"),
        (b"a,b\n1," + b"x" * 3_000_000 + b"\n", "line 2 is longer than 2 MB"),
        (b"a" * 3_000_000 + b"\n1\n", "line 1 is longer than 2 MB"),
        (b"a,b\n1,2\r\n3,4\n", "its lines end in different ways"),
        (GOOD + b"1,2\r\n", "its lines end in different ways"),
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
    ],
)
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.csv.zst"])
def test_faults_of_csv(fault, data, reason, name):
    compress = {"t.csv": bytes, "t.csv.gz": gzip.compress, "t.csv.zst": zstd}[name]
    assert re.search(reason, fault(name, compress(data)))


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.zst"])
def test_faults_of_compressed_files(fault, name):
    good = gzip.compress(GOOD) if name.endswith("gz") else zstd(GOOD)
    for data in (good[:-1], good[: len(good) // 2], good[:10], _flipped(good, len(good) // 2), GOOD, good + b"junk"):
        assert "is damaged, or its end is missing" in fault(name, data)
    assert "it is empty" in fault(name, b"")


def test_a_wrong_checksum_is_noticed(fault):
    """Every line can be read, but one of them isn't what was compressed."""
    data = gzip.compress(GOOD)
    assert "damaged" in fault("t.csv.gz", _flipped(data, len(data) - 6))


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_damaged_parquet(fault, damage):
    for number, data in enumerate(DAMAGES[damage]()):
        message = fault("t.parquet", data, "select sum(i) as i, max(s) as s, sum(f) as f from t")
        assert "damaged" in message or "not a Parquet file" in message, (damage, number)


@pytest.mark.parametrize("plaintext_footer", [False, True])
def test_encrypted_parquet(fault, tmp_path, plaintext_footer):
    data = encrypted(tmp_path / "made", plaintext_footer=plaintext_footer)
    assert "it is encrypted" in fault("t.parquet", data, "select max(s) as s from t")


def test_parquet_with_an_unsupported_encoding(fault):
    assert "something that this server can't read" in fault(
        "t.parquet", with_unsupported_encoding(), "select sum(i) as i from t"
    )


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select error('CSV Error on Line: 3') as e from t", "CSV Error on Line: 3"),
        ("select cast(s as integer) as n from t", "could not compute or convert"),
        ("select strptime(s, '%Y') as n from t", "rejected the query"),
        ("select nothing from t", "does not exist"),
        ("select i / 0 as n, cast(i as tinyint) as m from t", "could not compute or convert"),
        ("selec i from t", "not valid SQL"),
    ],
)
@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_faults_of_the_query_stay_faults_of_the_query(tmp_path, fetch, name, query, words):
    texts = [f"CSV Error on Line: {number}, encrypted, {tmp_path}/{name}" for number in range(1000)]
    table = pa.table({"i": list(range(1000)), "s": texts})
    if name == "t.csv":
        pa.csv.write_csv(table, tmp_path / name)
    else:
        pq.write_table(table, tmp_path / name)
    with pytest.raises(QueryFailed, match=words):
        fetch(SourceSpec(kind="files", location=str(tmp_path)), query)


READ_AS_NOBODY = """
import os, sys
from pathlib import Path
from reports.exceptions import RunError
from reports.sources import read
from reports.sources.base import Limits, SourceSpec
if os.geteuid() == 0:
    os.setegid(65534); os.seteuid(65534)
try:
    with read(SourceSpec(kind="files", location=sys.argv[1]), "select count(*) as n from t", {},
              Limits(timeout_seconds=60, memory_bytes=300_000_000, temp_dir=Path("/nonexistent"))) as rows:
        list(rows.batches)
except RunError as error:
    print(type(error).__name__, error.message)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody can list. Nobody else can list those above `tmp_path`."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_a_file_without_read_permission(folder, name):
    (folder / name).write_bytes(b"")
    (folder / name).chmod(0)
    command = [sys.executable, "-c", READ_AS_NOBODY, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"SourceUnusable The file “{name}” can't be read: the server has no permission to.\n"


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"3,4\n")


@pytest.mark.parametrize(
    ("change", "words"), [(_append, "changed while it was read"), (Path.unlink, "does not exist any more")]
)
def test_a_file_that_changes_while_it_is_read(tmp_path, limits, change, words):
    path = tmp_path / "t.csv"
    path.write_bytes(GOOD)
    spec = SourceSpec(kind="files", location=str(path))
    with (
        pytest.raises(SourceUnusable, match=f"The file “t.csv” can't be read: it {words}"),
        read(spec, "from t", {}, limits) as rows,
    ):
        next(rows.batches)
        change(path)
        for _ in rows.batches:
            pass
