"""Parquet files that are damaged in each of their structures, encrypted, or use what no reader knows."""

from __future__ import annotations

import base64
import io
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

_ROWS = 20_000
_COLUMNS = 3
_TABLE = pa.table(
    {
        "i": list(range(_ROWS)),
        "s": [f"text {number * 7919 % _ROWS}" for number in range(_ROWS)],
        "f": [number / 7 for number in range(_ROWS)],
    }
)
_FOOTER_LENGTH, _MAGIC = 4, 4


def _written(**options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(_TABLE, sink, row_group_size=5000, **options)
    return sink.getvalue()


def _replaced(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _noise(length: int) -> bytes:
    return random.Random(1).randbytes(length)  # noqa: S311 - no secret, and the same in each run


def _truncated() -> Iterator[bytes]:
    """The end is missing: of the magic, the footer's length, the footer, a page, everything."""
    good = _written()
    for end in (-1, -4, -6, -8, -100, len(good) // 2, 12, 8, 4, 3, 0):
        yield good[:end]


def _magic() -> Iterator[bytes]:
    good = _written()
    yield _replaced(good, 0, b"XXXX")
    yield _replaced(good, len(good) - _MAGIC, b"XXXX")
    yield b"a,b\n1,2\n" * 100


def _footer() -> Iterator[bytes]:
    good = _written()
    at = len(good) - _MAGIC - _FOOTER_LENGTH
    [length] = struct.unpack_from("<I", good, at)
    for wrong in (0, 10**9, length + 100):
        yield _replaced(good, at, struct.pack("<I", wrong))
    yield _replaced(good, at - length, _noise(length))


def _pages(offset: int, new: bytes) -> Iterator[bytes]:
    """One page of each column is damaged: so many bytes after the beginning of the page."""
    good = _written()
    metadata = pq.ParquetFile(io.BytesIO(good)).metadata
    for column in range(_COLUMNS):
        chunk = metadata.row_group(2).column(column)
        yield _replaced(good, (chunk.dictionary_page_offset or chunk.data_page_offset) + offset, new)


def _hole() -> Iterator[bytes]:
    """Some bytes in the middle were lost."""
    good = _written()
    yield good[:5000] + good[9000:]


DAMAGES: dict[str, Callable[[], Iterator[bytes]]] = {
    "truncated": _truncated,
    "magic": _magic,
    "footer": _footer,
    "page header": lambda: _pages(0, b"\xff" * 20),
    "page": lambda: _pages(60, _noise(300)),
    "hole": _hole,
}


def with_unsupported_encoding() -> bytes:
    """A page of numbers says that it has an encoding that only levels can have."""
    data = _written(
        use_dictionary=False, compression="none", column_encoding={"i": "PLAIN", "s": "PLAIN", "f": "PLAIN"}
    )
    chunk = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0)
    # DataPageHeader in compact Thrift: the number of values, then the encoding (0 is PLAIN, 4 BIT_PACKED).
    at = data.index(b"\x15\x00\x15\x06", chunk.data_page_offset)
    return _replaced(data, at, b"\x15\x08")


class _Keys(pe.KmsClient):
    """Keys that are wrapped in base64."""

    def __init__(self, _: object) -> None:
        super().__init__()

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        return base64.b64encode(key_bytes)

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        return base64.b64decode(wrapped_key)


def encrypted(path: Path, *, plaintext_footer: bool) -> bytes:
    """With a plaintext footer, only the column s is encrypted."""
    factory = pe.CryptoFactory(_Keys)
    configuration = pe.EncryptionConfiguration(
        footer_key="f", column_keys={"c": ["s"]}, plaintext_footer=plaintext_footer
    )
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), configuration)
    with pq.ParquetWriter(path, _TABLE.schema, encryption_properties=properties) as writer:
        writer.write_table(_TABLE)
    return path.read_bytes()
