"""Lakes: Parquet files, Delta and Iceberg tables, on a real SeaweedFS and on an HTTP server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import DateType, DecimalType, LongType, NestedField, StringType, TimestamptzType, UUIDType

from common.outbound.connecting import AddressRules
from reports.exceptions import QueryFailed, SourceUnavailable, SourceUnusable
from reports.parameters.values import TypedValue
from reports.sources import catalog, describe
from reports.sources.base import Limits, SourceSpec
from reports.sources.lake.store import HttpStore, ObjectStore
from reports.sources.lake.url import LakeRules, LakeUrl, url_error
from tests.weed import Weed

PARTITIONS = 1000
DAY = TypedValue("date", date(2024, 1, 7))
ROWS = [
    {"day": date(2024, 1, 1 + number % 10), "n": number, "s": f"x/{number} %",
     "at": datetime(2024, 1, 1, number, 30, 0, 5, UTC), "m": Decimal(number).scaleb(-2), "u": UUID(int=number).bytes}
    for number in range(20)
]  # fmt: skip
TYPES = pa.schema(
    [
        ("day", pa.date32()), ("n", pa.int64()), ("s", pa.string()), ("at", pa.timestamp("us", "UTC")),
        ("m", pa.decimal128(12, 2)), ("u", pa.binary(16)),
    ]
)  # fmt: skip
TABLE = pa.Table.from_pylist(ROWS, TYPES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Parquet file, and the same rows as a Delta and as an Iceberg table."""
    root = tmp_path_factory.mktemp("lake")
    pq.write_table(TABLE, root / "plain.parquet", row_group_size=5)
    write_deltalake(str(root / "delta"), TABLE.slice(0, 12), partition_by=["day", "s"])
    DeltaTable(str(root / "delta")).create_checkpoint()
    write_deltalake(str(root / "delta"), TABLE.slice(12), partition_by=["day", "s"], mode="append")
    _write_iceberg(root)
    return root


def _write_iceberg(root: Path) -> Any:
    lake = InMemoryCatalog("test", warehouse=f"file://{root}/warehouse")
    lake.create_namespace("db")
    types = [DateType(), LongType(), StringType(), TimestamptzType(), DecimalType(12, 2), UUIDType()]
    fields = [
        NestedField(number, name, type) for number, (name, type) in enumerate(zip(TYPES.names, types, strict=True), 1)
    ]
    days = PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "day"))
    table = lake.create_table("db.iceberg", Schema(*fields), location=f"file://{root}/iceberg", partition_spec=days)
    table.append(TABLE)
    return table


@pytest.fixture(scope="module")
def lake(weed: Weed, folder: Path) -> SourceSpec:
    """The same in a bucket, beside what is none of the lake's business, and a folder of a thousand partitions."""
    for path in folder.rglob("*"):
        if path.is_file():
            weed.put(f"lake/{path.relative_to(folder)}", path.read_bytes())
    weed.put("lakeside/secret.parquet", (folder / "plain.parquet").read_bytes())
    weed.put("secret.parquet", (folder / "plain.parquet").read_bytes())
    weed.put("lake/damaged.parquet", b"PAR1 this is none PAR1")
    for number in range(PARTITIONS):
        content = pa.BufferOutputStream()
        pq.write_table(pa.table({"n": [number, number]}), content)
        weed.put(f"lake/parts/number={number}/kind=a%20b/a.parquet", content.getvalue().to_pybytes())
    return SourceSpec(kind="lake", location=weed.s3_url("lake"))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every path that is read from a store, with the number of bytes."""
    found: list[tuple[str, int]] = []
    for store in (ObjectStore, HttpStore):
        original = store.read

        def read(self: Any, path: str, start: int, end: int, original: Any = original) -> bytes:
            content: bytes = original(self, path, start, end)
            found.append((path, len(content)))
            return content

        monkeypatch.setattr(store, "read", read)
    return found


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    """The folder on an HTTP server, which knows no ranges and redirects what begins with `elsewhere`."""

    class Handler(SimpleHTTPRequestHandler):
        def send_head(self) -> Any:
            if "elsewhere" in self.path:
                self.send_response(302)
                self.send_header("Location", "/plain.parquet")
                self.end_headers()
                return None
            return super().send_head()

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


@pytest.mark.parametrize("table", ["plain", "delta", "iceberg"])
def test_every_type_arrives_exactly_from_every_kind_of_table(table, lake, fetch):
    found = fetch(lake, f"select * from {table} order by n")
    uuids = pa.string() if table == "iceberg" else pa.binary()
    assert found.schema.types == [*TYPES.types[:-1], uuids]
    expected = [{**row, "u": str(UUID(bytes=row["u"])) if table == "iceberg" else row["u"]} for row in ROWS]
    assert found.to_pylist() == expected


@pytest.mark.parametrize("table", ["plain", "delta", "iceberg"])
def test_tables_are_read_over_http(table, server, folder, lake, fetch):
    spec = SourceSpec(kind="lake", location=f"{server}?tables=plain.parquet,delta,iceberg")
    if table == "iceberg":
        # Its newest metadata is found by listing, or by a hint that some programs write.
        with pytest.raises(SourceUnusable, match="lists no files"):
            fetch(spec, "select * from iceberg")
        newest = max(path.name for path in (folder / "iceberg/metadata").glob("*.json"))
        (folder / "iceberg/metadata/version-hint.text").write_text(newest)
    assert fetch(spec, f"select n, s from {table} order by n").column("n").to_pylist() == list(range(20))


@pytest.mark.parametrize("where", ["number = 7", "number = :number", "number in :numbers", "number between 7 and 7"])
def test_one_partition_of_a_thousand_is_read(where, lake, fetch, reads):
    values = {"number": TypedValue("integer", 7), "numbers": TypedValue("integer", (7,))}
    assert (
        fetch(lake, f"select n, kind from parts where {where}", **values).to_pylist() == [{"n": 7, "kind": "a b"}] * 2
    )
    # Besides, the columns are taken from the end of the last file.
    assert {path for path, _ in reads} == {f"parts/number={number}/kind=a%20b/a.parquet" for number in (7, 999)}
    assert sum(size for _, size in reads) < 10_000


@pytest.mark.parametrize("table", ["delta", "iceberg"])
def test_one_partition_of_a_table_is_read(table, lake, fetch, reads):
    assert fetch(lake, f"select n from {table} where day = :day order by n", day=DAY).to_pylist() == [
        {"n": 6},
        {"n": 16},
    ]
    data = {path for path, _ in reads if path.endswith(".parquet") and "_delta_log" not in path}
    assert data and all("day=2024-01-07" in path for path in data)


def test_only_columns_and_row_groups_that_are_needed_are_read(lake, fetch, reads):
    assert fetch(lake, "select n from plain where n = 3").to_pylist() == [{"n": 3}]
    few = sum(size for _, size in reads)
    reads.clear()
    fetch(lake, "select * from plain")
    assert few < sum(size for _, size in reads)


def test_filters_lose_no_rows(weed, lake, fetch):
    """NaN is greater than all other numbers in DuckDB, but no statistics of Parquet have it."""
    content = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": [1.0, float("nan"), None, 9.0]}), content, row_group_size=1)
    weed.put("lake/numbers.parquet", content.getvalue().to_pybytes())
    assert fetch(lake, "select count(*) as n from numbers where x > 5").to_pylist() == [{"n": 2}]
    assert fetch(lake, "select count(*) as n from numbers where x is null or x = 1").to_pylist() == [{"n": 2}]
    for table in ("delta", "iceberg"):
        query = f"select n from {table} where \"at\" = timestamptz '2024-01-01 03:30:00.000005Z'"
        assert fetch(lake, query).to_pylist() == [{"n": 3}]


def test_nothing_outside_of_the_folder_is_read(weed, lake, folder, fetch, tmp_path):
    assert {table.name for table in catalog.tables(lake, LIMITS, search="", most=50)} >= {
        "plain",
        "delta",
        "iceberg",
        "parts",
    }
    for query in (
        "select * from secret", f"select * from read_parquet('{folder}/plain.parquet')",
        f"select * from read_parquet('{weed.s3_endpoint}/lake/secret.parquet')", "select * from glob('/etc/*')",
    ):  # fmt: skip
        with pytest.raises(QueryFailed):
            fetch(lake, query)
    # Paths in metadata don't lead out either.
    log = '{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}\n{"metaData":{"id":"1","format":{"provider":"parquet","options":{}},"schemaString":"{\\"type\\":\\"struct\\",\\"fields\\":[{\\"name\\":\\"n\\",\\"type\\":\\"long\\",\\"nullable\\":true,\\"metadata\\":{}}]}","partitionColumns":[],"configuration":{},"createdTime":1}}\n{"add":{"path":"PATH","partitionValues":{},"size":9,"modificationTime":1,"dataChange":true}}'  # noqa: E501
    for path in ("../../secret.parquet", "s3://lake/secret.parquet", f"file://{folder}/plain.parquet"):
        weed.put(f"lake/evil/_delta_log/{0:020d}.json", log.replace("PATH", path).encode())
        with pytest.raises((QueryFailed, SourceUnusable, SourceUnavailable)):
            fetch(lake, "select * from evil")


LIMITS = Limits(timeout_seconds=20, memory_bytes=300_000_000, temp_dir=Path("/nonexistent"))


def test_columns_are_known_without_reading_rows(lake, limits, reads):
    described = describe(lake, "select day, m from iceberg", {}, limits)
    assert described.schema.types == [pa.date32(), pa.decimal128(12, 2)]
    assert not [path for path, _ in reads if path.endswith(".parquet")]


def test_a_damaged_file_is_the_sources_fault(lake, fetch):
    with pytest.raises(SourceUnusable, match="damaged or is no Parquet file"):
        fetch(lake, "select * from damaged")


def test_a_renamed_column_of_iceberg_is_refused(weed, folder, tmp_path, fetch):
    table = _write_iceberg(tmp_path)
    with table.update_schema() as update:
        update.rename_column("s", "text")
    for path in (tmp_path / "iceberg").rglob("*.*"):
        weed.put(f"renamed/{path.relative_to(tmp_path)}", path.read_bytes())
    with pytest.raises(SourceUnusable, match="columns that were renamed"):
        fetch(SourceSpec(kind="lake", location=weed.s3_url("renamed")), "select * from iceberg")


def test_a_refused_key_is_told_from_a_store_that_is_away(weed, fetch, monkeypatch):
    with pytest.raises(SourceUnusable, match="denied access") as refused:
        fetch(SourceSpec(kind="lake", location=weed.s3_url("lake", secret="wrong-secret")), "select * from plain")
    assert "wrong-secret" not in str(refused.value.details)
    # The server's own key completes no URL.
    for name, value in {"ACCESS_KEY_ID": "reports", "SECRET_ACCESS_KEY": "se/cret+of the store"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with pytest.raises((SourceUnusable, SourceUnavailable)):
        fetch(SourceSpec(kind="lake", location=f"s3://lake/lake?endpoint={weed.s3_endpoint}"), "select * from plain")
    with pytest.raises(SourceUnavailable):
        fetch(SourceSpec(kind="lake", location="http://127.0.0.1:1/x?tables=a.parquet"), "select * from a")


def test_an_http_server_cannot_redirect_and_private_addresses_need_an_operator(server, fetch):
    with pytest.raises(SourceUnavailable):
        fetch(SourceSpec(kind="lake", location=f"{server}?tables=elsewhere.parquet"), "select * from elsewhere")
    url = server.replace("http:", "https:") + "?tables=plain.parquet"
    with pytest.raises(SourceUnusable, match="not at an address that is allowed"):
        fetch(SourceSpec(kind="lake", location=url, rules=LakeRules(AddressRules())), "select * from plain")


ELSEWHERE = [
    "http://example.com/x?tables=a", "s3://a:b@bucket/x?endpoint=https://10.0.0.1", "az://acme:k@box/x?endpoint=https://h",
    "gs://bucket?service_account=" + quote('{"gcs_base_url": "http://10.0.0.1"}'),
]  # fmt: skip


@pytest.mark.parametrize("url", ELSEWHERE)
def test_administrators_reach_the_providers_only(url):
    assert url_error(url) is None
    assert "Only the server's operator" in (LakeRules(AddressRules()).error(url) or "")
    assert LakeRules(AddressRules()).error("s3://a:b@bucket/x?region=eu-central-1") is None


@pytest.mark.parametrize(
    "url",
    [
        "s3://", "s3://a@bucket", "s3://bucket:99/x", "s3://a:b@bucket/../x", "s3://a:b@bucket?region=x.example.com/",
        "s3://a:b@bucket?role=x", "s3://a:b@bucket?endpoint=https://h/path", "gs://a:b@bucket", "az://box/x",
        "az://evil.com:k@box", "https://host/x", "https://host/x?tables=../y", "https://host/x?tables=a/b", "ftp://h/x",
        "file:///etc", "s3://a:b@bucket#x", "s3://a:b@bucket?region=a&region=b",
    ],
)  # fmt: skip
def test_a_url_that_is_not_one_of_a_lake_is_refused(url, fetch):
    assert url_error(url)
    with pytest.raises(SourceUnusable, match="URL is not valid"):
        fetch(SourceSpec(kind="lake", location=url), "select 1")


def test_secrets_are_not_shown():
    url = LakeUrl.of("s3://KEY:se%2Fcret@bucket/a/b?endpoint=https://host")
    assert (url.key, url.secret, url.folder) == ("KEY", "se/cret", "a/b")
    assert "cret" not in repr(url)
