"""Compressed text files."""

from __future__ import annotations

import pyarrow as pa


def zstd(data: bytes) -> bytes:
    """The data in one zstd frame, without a checksum."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()
