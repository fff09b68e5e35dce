"""A column of every Arrow type, and how each format's readers read it back. Also the helpers of all rendering tests."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from reports.rendering import RENDERERS, Document, Renderer

DOCUMENT = Document(
    title="Invoices & <co>",
    description="All of them.",
    version=3,
    generated_at=dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC),
    parameters={"From": "2026-01-01", "Country": "Ελλάδα"},
)

FAR = dt.datetime(2262, 1, 1)


def render(
    renderer: str | Renderer,
    *batches: pa.RecordBatch,
    schema: pa.Schema | None = None,
    document: Document = DOCUMENT,
    truncated: str | None = None,
) -> bytes:
    """The file of a renderer, or of the product's renderer of that name."""
    out = io.BytesIO()
    renderer = RENDERERS[renderer] if isinstance(renderer, str) else renderer
    writer = renderer.open(out, schema or batches[0].schema, document)
    for batch in batches:
        writer.write(batch)
    writer.close(rows=sum(batch.num_rows for batch in batches), truncated=truncated)
    return out.getvalue()


def opaque_numeric(values: list[str | None]) -> pa.Array:
    return pa.ExtensionArray.from_storage(
        pa.opaque(pa.string(), "numeric", "PostgreSQL"), pa.array(values, pa.string())
    )


def run_end_encoded() -> pa.Array:
    return pa.RunEndEncodedArray.from_arrays(pa.array([1, 2], pa.int32()), pa.array(["a", None]))


def utc(*parts: int) -> dt.datetime:
    """The datetime without a zone that openpyxl reads."""
    return dt.datetime(*parts)  # type: ignore[arg-type]


def union(mode: str) -> pa.Array:
    """A union of a number and a text, and a NULL: that of the current member, because unions have no other."""
    codes = pa.array([1, 0], pa.int8())
    if mode == "dense":
        return pa.UnionArray.from_dense(
            codes, pa.array([0, 0], pa.int32()), [pa.array([None], pa.int64()), pa.array(["x"])]
        )
    return pa.UnionArray.from_sparse(codes, [pa.array([7, None]), pa.array(["x", "y"])])


@dataclass
class Case:
    """A column of one value and one NULL, and how each format's reader reads the value back."""

    name: str
    array: pa.Array
    csv: str
    #: Numbers with all their digits.
    json: Any
    #: As openpyxl reads it.
    xlsx: Any
    #: DuckDB's text of it.
    parquet: Any


def case(name: str, value: Any, data_type: pa.DataType, csv: str, json: Any, xlsx: Any, parquet: Any) -> Case:
    return Case(name, pa.array([value, None], data_type), csv, json, xlsx, parquet)


U64 = 2**64 - 1
I64 = -(2**63)
LONG = Decimal("12345678901234567890.12345678")
HUGE = Decimal("1" * 60 + ".5")
UUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
DURATION = dt.timedelta(hours=25, minutes=30, seconds=15, milliseconds=500)
INTERVAL = pa.MonthDayNano([14, -3, 1_500_000_000])
BERLIN = pa.timestamp("us", "Europe/Berlin")
MOMENT = "2024-07-01T10:00:00.250000"
OBJECT = {"a": 1, "b": ["x", None]}
TEXTS = 'say "hi",\nthen <b>&\\ Ж中ع'

CASES = [
    case("int8", -128, pa.int8(), "-128", -128, -128, "-128"),
    case("uint64", U64, pa.uint64(), str(U64), U64, str(U64), str(U64)),
    case("int64", I64, pa.int64(), str(I64), I64, str(I64), str(I64)),
    case("int64 of 15 digits", 10**15 - 1, pa.int64(), str(10**15 - 1), 10**15 - 1, 10**15 - 1, str(10**15 - 1)),
    case("int64 of 16 digits", 10**15, pa.int64(), str(10**15), 10**15, str(10**15), str(10**15)),
    case("float16", 1.5, pa.float16(), "1.5", 1.5, 1.5, "1.5"),
    case("float32", 0.1, pa.float32(), "0.1", 0.1, 0.1, "0.1"),
    case("float64", 0.1 + 0.2, pa.float64(), "0.30000000000000004", 0.1 + 0.2, 0.1 + 0.2, "0.30000000000000004"),
    case("large float", 1e300, pa.float64(), "1e+300", 1e300, 1e300, "1e+300"),
    case("nan", float("nan"), pa.float64(), "nan", None, "nan", "nan"),
    case("infinity", float("-inf"), pa.float64(), "-inf", None, "-inf", "-inf"),
    case("decimal32", Decimal("-1.5"), pa.decimal32(7, 2), "-1.50", Decimal("-1.50"), -1.5, "-1.50"),
    case("decimal128", LONG, pa.decimal128(38, 8), str(LONG), LONG, str(LONG), str(LONG)),
    case("zero of scale 8", Decimal(0), pa.decimal128(38, 8), "0.00000000", Decimal("0.00000000"), 0, "0.00000000"),
    case("negative scale", Decimal(1200), pa.decimal128(5, -2), "1200", 1200, 1200, "1200"),
    case("decimal256", HUGE, pa.decimal256(76, 1), str(HUGE), HUGE, str(HUGE), str(HUGE)),
    case("boolean", True, pa.bool_(), "true", True, True, "true"),
    case("date32", dt.date(2024, 2, 29), pa.date32(), "2024-02-29", "2024-02-29", utc(2024, 2, 29), "2024-02-29"),
    case("date64", dt.date(2024, 2, 29), pa.date64(), "2024-02-29", "2024-02-29", utc(2024, 2, 29), "2024-02-29"),
    case("date of 1900", dt.date(1900, 2, 1), pa.date32(), "1900-02-01", "1900-02-01", "1900-02-01", "1900-02-01"),
    case("last date", dt.date(9999, 12, 31), pa.date32(), "9999-12-31", "9999-12-31", utc(9999, 12, 31), "9999-12-31"),
    case("time32", dt.time(1, 2, 3), pa.time32("s"), "01:02:03", "01:02:03", dt.time(1, 2, 3), "01:02:03"),
    case("time64", 1_000, pa.time64("ns"), "00:00:00.000001000", "00:00:00.000001000", dt.time(0), "00:00:00.000001"),
    case("midnight at the end", 86_400, pa.time32("s"), "24:00:00", "24:00:00", "24:00:00", "24:00:00"),
    case("timestamp", FAR, pa.timestamp("s"), "2262-01-01T00:00:00", "2262-01-01T00:00:00", FAR, "2262-01-01 00:00:00"),
    Case(
        "timestamp with zone",
        pa.array([1_719_828_000_250_000, None], BERLIN),
        f"{MOMENT}Z",
        f"{MOMENT}Z",
        utc(2024, 7, 1, 10, 0, 0, 250_000),
        "2024-07-01 10:00:00.25+00",
    ),
    case("nanoseconds", 1, pa.timestamp("ns"), "1970-01-01T00:00:00.000000001", "1970-01-01T00:00:00.000000001",
         "1970-01-01T00:00:00.000000001", "1970-01-01 00:00:00.000000001"),
    case("far timestamp", 2**40, pa.timestamp("s"), "+36812-02-20T00:36:16", "+36812-02-20T00:36:16",
         "+36812-02-20T00:36:16", "36812-02-20 00:36:16"),
    case("negative duration", dt.timedelta(seconds=-1.5), pa.duration("ms"), "PT-1.5S", "PT-1.5S", "-0:00:01.5",
         "-1500"),
    case("duration", DURATION, pa.duration("us"), "PT91815.5S", "PT91815.5S", DURATION, "91815500000"),
    case("interval", INTERVAL, pa.month_day_nano_interval(), "P14M-3DT1.5S", "P14M-3DT1.5S",
         "1 year 2 months -3 days 0:00:01.5", "P14M-3DT1.5S"),
    case("interval of hours", pa.MonthDayNano([0, 0, 91_815_000_000_000]), pa.month_day_nano_interval(), "PT91815S",
         "PT91815S", dt.timedelta(hours=25, minutes=30, seconds=15), "PT91815S"),
    case("string", TEXTS, pa.string(), TEXTS, TEXTS, TEXTS, TEXTS),
    case("large string", "", pa.large_string(), "", "", "", ""),
    case("string view", "Ж" * 40, pa.string_view(), "Ж" * 40, "Ж" * 40, "Ж" * 40, "Ж" * 40),
    case("binary", b"\x00\xff", pa.binary(), "00ff", "AP8=", "00ff", "\\x00\\xFF"),
    case("fixed binary", b"ab", pa.binary(2), "6162", "YWI=", "6162", "ab"),
    case("binary view", b"b" * 20, pa.binary_view(), "62" * 20, "YmJi" * 6 + "YmI=", "62" * 20, "b" * 20),
    case("list", [1, None], pa.list_(pa.int8()), "[1,null]", [1, None], "[1,null]", "[1, NULL]"),
    case("fixed list", [1, 2], pa.list_(pa.int8(), 2), "[1,2]", [1, 2], "[1,2]", "[1, 2]"),
    case("list view", [1], pa.list_view(pa.int8()), "[1]", [1], "[1]", "[1]"),
    case("struct", OBJECT, pa.struct({"a": pa.int8(), "b": pa.list_(pa.string())}), '{"a":1,"b":["x",null]}', OBJECT,
         '{"a":1,"b":["x",null]}', "{'a': 1, 'b': [x, NULL]}"),
    case("map", [("k", 1)], pa.map_(pa.string(), pa.int8()), '{"k":1}', {"k": 1}, '{"k":1}', "{k=1}"),
    case("map of numbers", [(1, 2)], pa.map_(pa.int8(), pa.int8()), "[[1,2]]", [[1, 2]], "[[1,2]]", "{1=2}"),
    case("uuid", UUID.bytes, pa.uuid(), str(UUID), str(UUID), str(UUID), str(UUID)),
    Case("dictionary", pa.array(["a", None]).dictionary_encode(), "a", "a", "a", "a"),
    Case("run end encoded", run_end_encoded(), "a", "a", "a", "a"),
    Case("opaque numeric", opaque_numeric(["1.50", None]), "1.50", Decimal("1.50"), 1.5, "1.50"),
    Case("opaque nan", opaque_numeric(["NaN", None]), "NaN", None, "NaN", "NaN"),
    case("json", '{"a":\n1.10}', pa.json_(pa.string()), '{"a":\n1.10}', {"a": Decimal("1.10")}, '{"a":\n1.10}',
         '{"a":\n1.10}'),
    case("broken json", "{a", pa.json_(pa.string()), "{a", "{a", "{a", "{a"),
    Case("list of json", pa.array([["[1.10]", None], None]).view(pa.list_(pa.json_(pa.string()))), "[[1.10],null]",
         [[Decimal("1.10")], None], "[[1.10],null]", "[[1.10], NULL]"),
    Case("sparse union", union("sparse"), '"x"', "x", '"x"', '"x"'),
    Case("dense union", union("dense"), '"x"', "x", '"x"', '"x"'),
    Case("null", pa.nulls(2), "", None, None, None),
]  # fmt: skip

every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def record_batch(case: Case) -> pa.RecordBatch:
    """The case's column next to one without NULL.

    A slice, because real batches start anywhere in their buffers.
    """
    column = pa.concat_arrays([case.array.slice(1), case.array])
    return pa.record_batch({"n": pa.array([0, 1, 2]), "v": column}).slice(1)
