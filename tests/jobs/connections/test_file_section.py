"""Connections in the definitions file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accounts.models import Tenant
from jobs.models import Connection
from reports.definitions.export import export_definitions
from reports.exceptions import InvalidDefinition
from tests.reports.definitions.sample_file import ENV, apply_definitions, sample

pytestmark = pytest.mark.django_db

LAKE: dict[str, Any] = {
    "slug": "lake", "tenant": "acme", "kind": "s3", "url_env": "LAKE_URL", "grants": {"use": ["analysts", "user:bob"]},
}  # fmt: skip
URL = "s3://key:hush@lake?endpoint=http://10.0.0.1:9000"


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENV, "LAKE_URL", URL)


def with_connections(*entries: dict[str, Any]) -> dict[str, Any]:
    return sample() | {"connections": list(entries)}


def test_a_file_creates_changes_and_prunes_connections(tmp_path: Path) -> None:
    assert "create connection lake in acme" in apply_definitions(tmp_path, with_connections(LAKE))
    assert apply_definitions(tmp_path, with_connections(LAKE)) == []
    connection = Connection.objects.get()
    assert connection.secret["url"] == URL and connection.access().rules.anywhere
    change = LAKE | {"grants": {"use": ["readers"]}}
    assert apply_definitions(tmp_path, with_connections(change)) == ["update connection lake in acme: grants"]
    ENV["LAKE_URL"] = "s3://key:rotated@lake"
    assert apply_definitions(tmp_path, with_connections(change)) == ["update connection lake in acme: url"]
    assert apply_definitions(tmp_path, with_connections(), prune=True) == ["delete connection lake in acme"]


def test_a_stored_url_stays_if_its_variable_is_not_set(tmp_path: Path) -> None:
    apply_definitions(tmp_path, with_connections(LAKE))
    del ENV["LAKE_URL"]
    assert apply_definitions(tmp_path, with_connections(LAKE)) == []
    with pytest.raises(InvalidDefinition) as error:
        apply_definitions(tmp_path, with_connections(LAKE, LAKE | {"slug": "pond"}))
    assert "The environment variable LAKE_URL is not set." in str(error.value.details)


def test_an_administrators_url_stays_theirs_if_the_variable_is_not_set(tmp_path: Path) -> None:
    apply_definitions(tmp_path, with_connections(LAKE))
    Connection.objects.update(is_operators=False)
    del ENV["LAKE_URL"]
    changed = LAKE | {"host_key": None, "grants": {"use": ["readers"]}}
    assert apply_definitions(tmp_path, with_connections(changed)) == ["update connection lake in acme: grants"]
    assert not Connection.objects.get().is_operators
    ENV["LAKE_URL"] = URL
    assert apply_definitions(tmp_path, with_connections(changed)) == ["update connection lake in acme: url"]
    assert Connection.objects.get().is_operators


def test_what_is_wrong_names_its_field(tmp_path: Path) -> None:
    for change, field in (
        ({"url_env": "BOB_PASSWORD"}, "connections[0].url_env"),
        ({"private_key_env": "LAKE_URL"}, "connections[0].private_key_env"),
        ({"grants": {"use": ["user:nobody"]}}, "connections[0].grants.use[0]"),
        ({"tenant": "nowhere"}, "connections[0].tenant"),
    ):
        with pytest.raises(InvalidDefinition) as error:
            apply_definitions(tmp_path, with_connections(LAKE | change))
        found: Any = error.value.details["fields"]
        assert any(field in path for path in found), found
        assert "hush" not in str(found)


def test_an_export_has_names_of_variables_in_place_of_secrets(tmp_path: Path) -> None:
    data = with_connections(LAKE, LAKE | {"slug": "crm"})
    apply_definitions(tmp_path, data)
    text, _warnings = export_definitions(Tenant.objects.all())
    assert "url_env: LAKE_URL" in text and "url_env: CRM_2_URL" in text, "the data source crm has CRM_URL"
    assert "hush" not in text
