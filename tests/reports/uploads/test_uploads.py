"""Uploading files: through the API with real tokens, checked in real children, and read by the product's own source."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, TestCase

from accounts.models import User
from audit.models import AuditLog
from reports.data_sources import actions as sources
from reports.data_sources.body import parse_source
from reports.models import DataSource
from reports.sources.base import SourceSpec
from reports.uploads import actions as uploads
from reports.uploads.actions import KEPT_VERSIONS, table_name
from reports.uploads.tasks import FoundTable, Inspection
from tests.reports.api.clients import client
from tests.reports.data_sources.conftest import acme, alice, browse, globex, people, root  # noqa: F401

pytestmark = pytest.mark.django_db(databases="__all__")

URL = "/api/v1/sources/files"
CSV = b"region,amount,day\nnorth,1.50,2024-01-02\nsouth,2,2024-01-03\n"


@pytest.fixture
def source(alice: User, settings: Any, tmp_path: Path) -> DataSource:  # noqa: F811
    settings.UPLOADS_DIR = tmp_path / "uploads"
    body = parse_source({"slug": "files", "tenant": "acme", "kind": "files", "uploads": True})
    assert alice.tenant
    return sources.create_source(body=body, tenant=alice.tenant, actor=alice)


def upload(content: bytes, name: str = "Sales 2024.csv", **fields: Any) -> Any:
    file = SimpleUploadedFile(name, content)
    return client("alice").post(f"{URL}/files", {"file": file, **fields}, format="multipart")


def xlsx(**sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def rows(source: DataSource, fetch: Callable[..., pa.Table], query: str) -> list[dict[str, Any]]:
    spec: SourceSpec = DataSource.objects.get(pk=source.pk).spec()
    return fetch(spec, query).to_pylist()


def test_each_format_becomes_a_table(source: DataSource, fetch: Callable[..., pa.Table]) -> None:
    made = upload(CSV)
    assert made.status_code == 201, made.json()
    (file,) = made.json()["files"]
    assert (file["table"], file["version"], file["rows"], file["uploadedBy"]) == ("sales_2024", 1, 2, "alice")
    amounts = rows(source, fetch, "select amount, day from sales_2024 order by day")
    assert amounts == [
        {"amount": Decimal("1.50"), "day": date(2024, 1, 2)},
        {"amount": Decimal(2), "day": date(2024, 1, 3)},
    ]
    table = pa.table({"x": pa.array([Decimal("0.1")], pa.decimal128(30, 10)), "s": ["ä"]})
    assert upload(parquet(table), "renamed.csv", table="Orders").json()["files"][0]["table"] == "orders"
    assert rows(source, fetch, "select * from orders") == [{"x": Decimal("0.1000000000"), "s": "ä"}]
    listed = client("alice").get(f"{URL}/tables").json()["tables"]
    assert [table["name"] for table in listed] == ["orders", "sales_2024"]
    assert client("alice").post(f"{URL}/test").json()["works"]
    recorded = AuditLog.objects.filter(action="File Upload").last()
    assert recorded and recorded.details["filename"] == "Sales 2024.csv"


def test_a_workbooks_values_stay_exact(source: DataSource, fetch: Callable[..., pa.Table]) -> None:
    cells = [
        ["Id", "Amount", "Day", "At", "New", "Text", "Mixed", "Time", "", "id", "Nothing"],
        [1, 19689.85, date(2024, 1, 2), datetime(2024, 1, 2, 3, 4, 5), True, "=1+1 ä", 7, time(1, 2), "x", 0.1, None],
        [None] * 11,
        [9007199254740991, 1e300, date(1999, 12, 31), date(2024, 1, 3), False, None, "b", time(23), None, 2, None],
    ]
    cells[1][5] = "ä"
    made = upload(xlsx(Data=cells, Empty=[["only", "names"]], Other=[["a"], ["b"]]), "Book.xlsx")
    assert [file["table"] for file in made.json()["files"]] == ["book_data", "book_other"], made.json()
    first, second = rows(source, fetch, "select * from book_data")
    assert first == {
        "Id": 1, "Amount": 19689.85, "Day": date(2024, 1, 2), "At": datetime(2024, 1, 2, 3, 4, 5), "New": True,
        "Text": "ä", "Mixed": "7", "Time": time(1, 2), "column9": "x", "id_10": 0.1, "Nothing": None,
    }  # fmt: skip
    assert second["Id"] == 9007199254740991 and second["Amount"] == 1e300 and second["At"] == datetime(2024, 1, 3)
    assert (second["Text"], second["Mixed"], second["id_10"]) == (None, "b", 2.0)


BAD: dict[str, tuple[bytes, str]] = {
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(50), "CSV, Parquet or XLSX"),
    "a PDF named csv": (b"%PDF-1.7 ...", "CSV, Parquet or XLSX"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "CSV, Parquet or XLSX"),
    "nothing": (b"", "empty"),
    "half a Parquet file": (parquet(pa.table({"x": [1]}))[:-9], "damaged"),
    "a zip that is no workbook": (b"PK\x03\x04" + bytes(100), "not a workbook"),
    "a workbook of names": (xlsx(Data=[["a", "b"]]), "no sheet"),
    "too many sheets": (xlsx(**{f"s{number}": [["a"], [1]] for number in range(51)}), "more than 50 sheets. Split it."),
    "Latin-1": ("name\nKöln\n".encode("latin-1"), "UTF-8"),
}


@pytest.mark.parametrize("case", BAD)
def test_other_files_are_refused_by_their_content(case: str, source: DataSource, settings: Any) -> None:
    content, words = BAD[case]
    answer = upload(content)
    assert answer.status_code == 400 and words in answer.json()["fields"]["file"][0], answer.json()
    assert [path for path in settings.UPLOADS_DIR.rglob("*") if path.is_file()] == [] and not source.files.exists()


def test_a_table_is_replaced_restored_and_deleted(source: DataSource, settings: Any, fetch: Any) -> None:
    for number in range(KEPT_VERSIONS + 1):
        with TestCase.captureOnCommitCallbacks(execute=True):
            assert upload(b"x\n%d\n" % number, "t.csv").json()["files"][0]["version"] == number + 1
    assert rows(source, fetch, "select * from t") == [{"x": KEPT_VERSIONS}]
    assert source.files.count() == KEPT_VERSIONS and len(list(settings.UPLOADS_DIR.rglob("*.csv"))) == KEPT_VERSIONS
    browser = Client()
    browser.force_login(User.objects.get(username="alice"))
    assert "Restore version 2 of t" in browser.get("/sources/files").content.decode()
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert browser.post("/sources/files/files/t/2/restore").status_code == 302
    assert rows(source, fetch, "select * from t") == [{"x": 1}]
    for path in ("t/99/restore", "t%00/1/restore", "t%00/delete"):
        assert browser.post(f"/sources/files/files/{path}").status_code == 404
    kept = {path: path.read_bytes() for path in settings.UPLOADS_DIR.rglob("*.csv")}
    for path in kept:
        path.unlink()
    lost = browser.post("/sources/files/files/t/3/restore", follow=True)
    assert "The file of this version is missing on the server. Upload it again." in lost.content.decode()
    assert source.files.count() == KEPT_VERSIONS == len(list(settings.UPLOADS_DIR.glob("*/*")))
    for path, content in kept.items():
        path.write_bytes(content)
    assert "Delete “t”?" in browser.get("/sources/files/files/t/delete").content.decode() and source.files.exists()
    assert browser.get("/sources/files/files/none/delete").status_code == 404
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert client("alice").delete(f"{URL}/files/t").status_code == 204
    assert client("alice").delete(f"{URL}/files/t").json()["code"] == "table_not_found"
    assert not list(settings.UPLOADS_DIR.rglob("*.csv")) and AuditLog.objects.filter(action="File Delete").exists()


def test_deleting_the_source_deletes_its_files(source: DataSource, alice: User, settings: Any) -> None:  # noqa: F811
    upload(CSV)
    with TestCase.captureOnCommitCallbacks(execute=True):
        sources.delete_source(source=source, actor=alice)
    assert list(settings.UPLOADS_DIR.iterdir()) == []


def test_a_damaged_child_does_not_choose_where_a_file_is_stored(
    source: DataSource,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def damaged(_task: object, draft: str, folder: str, **_: object) -> Inspection:
        return Inspection([FoundTable(draft, "/../../../x.csv", 1)])

    monkeypatch.setattr(uploads, "run_in_child", damaged)
    assert "too large to read" in upload(CSV).json()["fields"]["file"][0]
    assert not source.files.exists() and not [path for path in settings.UPLOADS_DIR.rglob("*") if path.is_file()]


def test_uploads_are_bounded(source: DataSource, settings: Any) -> None:
    settings.UPLOADS_BYTES_OF_TENANT = len(CSV) - 1
    assert "organization" in upload(CSV).json()["fields"]["file"][0]
    settings.UPLOAD_BYTES = len(CSV) - 1
    assert "larger than" in upload(CSV).json()["fields"]["file"][0]
    settings.UPLOAD_BYTES = 0
    assert upload(bytes(2 << 20)).status_code == 413
    browser = Client()
    settings.UPLOAD_BYTES = 100 << 20
    # Nobody else sends files anywhere, and nothing of them is kept.
    large = {"file": SimpleUploadedFile("x", bytes(2 << 20))}
    for path in ("/login", "/sources/files/upload", "/api/v1/auth/token"):
        assert browser.post(path, large).status_code in (302, 400, 413, 415), path


def test_only_administrators_upload(source: DataSource, people: dict[str, User]) -> None:  # noqa: F811
    expected = (("bob", 403), ("gina", 404))
    for name, status in expected:
        answer = client(name).post(f"{URL}/files", {"file": SimpleUploadedFile("t.csv", CSV)}, format="multipart")
        assert answer.status_code == status
        assert client(name).delete(f"{URL}/files/t").status_code == status
        assert client(name).get(f"{URL}/files").status_code == status
    assert not source.files.exists()


def test_nothing_but_uploads_reads_from_their_folder(source: DataSource, settings: Any) -> None:
    upload(CSV)
    settings.SOURCE_FOLDERS = [settings.UPLOADS_DIR.parent]
    settings.PROTECTED_PATHS = [settings.UPLOADS_DIR]
    other = {"slug": "other", "kind": "files", "location": str(settings.UPLOADS_DIR / str(source.pk))}
    assert (
        "belongs to the server"
        in client("alice").post("/api/v1/sources", other, format="json").json()["fields"]["location"][0]
    )
    moved = {"uploads": False, "location": other["location"]}
    assert client("alice").patch("/api/v1/sources/files", moved, format="json").status_code == 400
    # Servers from before uploads take the location for a path, which their rules refuse.
    assert DataSource.objects.get(pk=source.pk).location == f"uploads/{source.pk}"


NAMES = {
    "Sales 2024": "sales_2024", "../../etc/passwd": "etc_passwd", "Köln & Übersee": "koln_ubersee", "2024": "t_2024",
    "数据": "table1", "": "table1", 'x"; drop table y': "x_drop_table_y", "a" * 200: "a" * 60,
}  # fmt: skip


@pytest.mark.parametrize("text", NAMES)
def test_table_names_need_no_quotes(text: str) -> None:
    assert table_name(text) == NAMES[text]
