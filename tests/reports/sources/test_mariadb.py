"""MariaDB's extended type information, on a real server."""

from __future__ import annotations

from reports.sources.base import SourceSpec


def test_mariadb_tells_json_from_text_in_expressions_too(mariadb_url, fetch):
    spec = SourceSpec(kind="sql", location=mariadb_url)
    columns = "json_object('x', 1.10) as a, json_extract('[1.10]', '$[0]') as b, '{}' as c"
    table = fetch(spec, f"select {columns} from (select 1 as one) as q")
    assert [str(field.type) for field in table.schema] == ["extension<arrow.json>", "extension<arrow.json>", "string"]
    assert table.to_pylist() == [{"a": '{"x": 1.10}', "b": "1.10", "c": "{}"}]
