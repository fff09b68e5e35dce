"""/api/v1/reports over HTTP, with real tokens."""

from __future__ import annotations

import json

import jsonschema
import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Tenant, User
from audit.models import Action, AuditLog
from reports.models import ReportConfiguration
from tests.reports.api.clients import client
from tests.reports.definitions.sample_file import SAMPLE, apply_definitions
from tests.reports.deleted_sources import delete_source

pytestmark = pytest.mark.django_db(databases="__all__")

URL = "/api/v1/reports"
DELAYS = f"{URL}/carrier-delays"
NEW = {
    "slug": "new-report",
    "name": "New",
    "data_source": "flights",
    "query": "select :x",
    "parameters": [{"name": "x", "type": "integer", "default": 5}],
    "formats": ["json", "csv"],
    "grants": {"generate": ["analysts"]},
}


@pytest.fixture(autouse=True)
def _users(tmp_path):
    """alice administers acme, bob is its analyst, carol has no role there; erin administers another tenant."""
    apply_definitions(tmp_path)
    acme, other = Tenant.objects.get(slug="acme"), Tenant.objects.create(slug="other", name="Other")
    User.objects.create_user("carol", tenant=acme)
    User.objects.create_user("erin", tenant=other).groups.add(Group.objects.get(name="Administrator"))
    User.objects.create_superuser("root")


def report(slug: str = "carrier-delays") -> ReportConfiguration:
    return ReportConfiguration.objects.get(slug=slug, tenant__slug="acme")


# --- Reading ----------------------------------------------------------------------------------------------------------


def test_a_report_has_parameters_formats_and_delivery():
    stored = report()
    answer = client("bob").get(DELAYS)
    assert answer.status_code == 200
    body = answer.json()
    schema = body.pop("parameters")
    assert body == {
        "id": str(stored.pk),
        "slug": "carrier-delays",
        "name": "Carrier delays",
        "description": "Mean delay by carrier",
        "folder": "",
        "tags": [],
        "version": 1,
        "formats": ["pdf", "csv"],
        "sections": [],
        "delivery": [{"kind": "api_response", "mode": "asynchronous"}, {"kind": "email", "mode": None}],
        "deliver": "on_request",
        "rights": ["generate"],
        "rules": [],
        "url": f"http://testserver{URL}/{stored.pk}",
        "createdAt": body["createdAt"],
        "updatedAt": body["updatedAt"],
    }
    jsonschema.validate({"start": "2013-01-01"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"end": "2013-01-01"}, schema)


def test_a_report_answers_to_its_id_and_its_slug():
    by_id, by_slug = client("bob").get(f"{URL}/{report().pk}"), client("bob").get(DELAYS)
    assert by_id.json() == by_slug.json()


def test_an_administrator_gets_the_definition_and_can_put_it_back():
    alice = client("alice")
    body = alice.get(DELAYS).json()
    assert body["rights"] == ["view", "generate", "administer"]
    assert body["definition"]["query"] == SAMPLE["reports"][0]["query"]
    assert alice.put(DELAYS, body["definition"], format="json").json() == body


def test_the_list_has_the_reports_that_the_caller_can_see():
    def slugs(username):
        return [entry["slug"] for entry in client(username).get(URL).json()["results"]]

    assert slugs("alice") == ["carrier-delays", "customers"]
    assert slugs("bob") == ["carrier-delays"]
    assert slugs("carol") == slugs("erin") == []
    assert slugs("root") == ["carrier-delays", "customers"]


def test_the_list_is_paged():
    alice = client("alice")
    first = alice.get(URL, {"pageSize": 1}).json()
    second = alice.get(first["next"]).json()
    assert [page["results"][0]["slug"] for page in (first, second)] == ["carrier-delays", "customers"]
    assert second["next"] is None


@pytest.mark.parametrize("username", ["alice", "bob"])
def test_the_list_needs_as_many_queries_for_many_reports_as_for_one(username, django_assert_num_queries, tmp_path):
    caller = client(username)
    caller.get(URL)
    expected = count(caller)
    entry = SAMPLE["reports"][0]
    apply_definitions(tmp_path, {"reports": [entry | {"slug": f"report-{number}"} for number in range(20)]})
    with django_assert_num_queries(expected):
        assert len(caller.get(URL).json()["results"]) > 20


def count(caller: APIClient) -> int:
    with CaptureQueriesContext(connection) as queries:
        caller.get(URL)
    return len(queries)


def test_a_user_without_rights_gets_403_and_other_tenants_get_404():
    assert client("carol").get(DELAYS).status_code == 403
    there, nothing = client("erin").get(DELAYS), client("erin").get(f"{URL}/nothing")
    assert there.status_code == nothing.status_code == 404
    assert there.json() == nothing.json() == {"error": "No such report.", "code": "report_not_found"}


@pytest.mark.parametrize(
    "key", ["no-such", "00000000-0000-0000-0000-000000000000", "a b", "%2e%2e", "carrier%00delays", "é", "1" * 300]
)
@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_a_missing_report_is_404_for_every_method(key, method):
    answer = getattr(client("alice"), method)(f"{URL}/{key}", {}, format="json" if method != "get" else None)
    assert (answer.status_code, answer.json()["code"]) == (404, "report_not_found")


@pytest.mark.parametrize(
    ("method", "url"),
    [("get", URL), ("post", URL), ("get", DELAYS), ("put", DELAYS), ("patch", DELAYS), ("delete", DELAYS)],
)
def test_without_a_token_the_answer_is_401(method, url):
    answer = getattr(APIClient(), method)(url)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


# --- Writing ----------------------------------------------------------------------------------------------------------


def test_an_administrator_creates_a_report():
    answer = client("alice").post(URL, NEW, format="json")
    created = report("new-report")
    assert answer.status_code == 201
    assert answer.headers["Location"] == answer.json()["url"] == f"http://testserver{URL}/{created.pk}"
    assert answer.json()["definition"]["tenant"] == "acme"
    entry = AuditLog.objects.get(target_id=str(created.pk))
    assert (entry.action, entry.actor, entry.tenant) == (Action.REPORT_CREATE, "alice", created.tenant)
    assert client("bob").get(f"{URL}/new-report").json()["rights"] == ["generate"]


@pytest.mark.parametrize("username", ["bob", "carol"])
def test_only_administrators_write(username):
    caller = client(username)
    answers = [caller.post(URL, NEW, format="json"), caller.put(DELAYS, NEW, format="json")]
    answers += [caller.patch(DELAYS, {"name": "x"}, format="json"), caller.delete(DELAYS)]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert {answer.json()["code"] for answer in answers} == {"permission_denied"}
    assert report().version.number == 1


def test_an_administrator_of_another_tenant_gets_404():
    erin = client("erin")
    assert erin.patch(DELAYS, {"name": "x"}, format="json").status_code == 404
    assert erin.delete(DELAYS).status_code == 404
    refused = erin.post(URL, NEW | {"tenant": "acme"}, format="json")
    assert (refused.status_code, refused.json()["fields"]) == (400, {"tenant": ["This tenant does not exist."]})
    assert refused.json() == erin.post(URL, NEW | {"tenant": "nowhere"}, format="json").json()


def test_a_report_cannot_read_another_tenants_data():
    refused = client("erin").post(URL, NEW, format="json")
    assert refused.json()["fields"] == {"data_source": ["Data source flights does not exist in this tenant."]}


def test_a_superuser_names_the_tenant():
    root = client("root")
    refused = root.post(URL, NEW, format="json")
    assert (refused.status_code, refused.json()["fields"]) == (400, {"tenant": ["This field is required."]})
    assert root.post(URL, NEW | {"tenant": "acme"}, format="json").status_code == 201
    assert report("new-report").tenant.slug == "acme"


def test_all_errors_are_reported_at_once_by_field():
    bad = NEW | {"formats": ["doc"], "parameters": [{"name": "x", "type": "integer", "default": "five"}], "extra": 1}
    answer = client("alice").post(URL, bad, format="json")
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "The definition is not valid.",
        "code": "invalid_definition",
        "fields": {
            "parameters[0].default": ["Must be a whole number, not the text “five”."],
            "formats[0]": ["Must be one of: pdf, csv, xlsx, json, ndjson, parquet, html."],
            "extra": ["Unknown field."],
        },
    }


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"slug": "carrier-delays"}, "slug"),
        ({"slug": "a b"}, "slug"),
        ({"slug": "0b0a3c0e-6c3f-4c39-9f6e-000000000000"}, "slug"),
        ({"query": "select 1"}, "parameters[0].name"),
        ({"query": "select :x, :y"}, "query"),
        ({"query": "select :x\0"}, "query"),
        ({"timeout_seconds": 10**9}, "timeout_seconds"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"max_rows": 0}, "max_rows"),
        ({"max_rows": 2**63}, "max_rows"),
        ({"max_attempts": 11}, "max_attempts"),
        ({"retention_days": 3651}, "retention_days"),
        ({"retention_days": True}, "retention_days"),
        ({"delivery": [{"kind": "webhook", "url": "ftp://example.com"}]}, "delivery[0].url"),
        ({"delivery": [{"kind": "webhook", "url": "https://u:p@example.com"}]}, "delivery[0].url"),
        ({"delivery": [{"kind": "file_share", "path": "../../etc"}]}, "delivery[0].path"),
        ({"delivery": [{"kind": "email", "to": ["a@example.com\nbcc: b@example.com"]}]}, "delivery[0].to[0]"),
        ({"delivery": []}, "delivery"),
        ({"formats": ["csv", "csv"]}, "formats[1]"),
        ({"grants": {"view": ["user:erin"]}}, "grants.view[0]"),
        ({"grants": {"view": ["user:"]}}, "grants.view[0]"),
        ({"grants": {"administer": ["x"]}}, "grants.administer"),
        ({"parameters": [{"name": "x", "type": "integer", "default": [[[1]]]}]}, "parameters[0].default"),
        ({"parameters": [{"name": "x", "type": "string", "pattern": "("}]}, "parameters[0].pattern"),
        ({"parameters": [{"name": "x", "type": "string", "pattern": "(?=a)a"}]}, "parameters[0].pattern"),
        ({"parameters": [{"name": "x", "type": "integer", "minimum": 5, "maximum": 1}]}, "parameters[0].maximum"),
        ({"parameters": [{"name": "x", "type": "string", "choices": []}]}, "parameters[0].choices"),
        (
            {"parameters": [{"name": "x", "type": "string", "choices": ["ab"], "max_length": 1}]},
            "parameters[0].choices",
        ),
    ],
)
def test_an_error_names_its_field_and_creates_nothing(change, path):
    answer = client("alice").post(URL, NEW | change, format="json")
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [path]
    assert ReportConfiguration.objects.count() == 2


def test_half_a_surrogate_pair_is_refused():
    body = json.dumps(NEW).replace('"New"', r'"\ud800"')
    answer = client("alice").post(URL, body, content_type="application/json")
    assert answer.json()["fields"] == {"name": ["Must be valid Unicode text."]}


@pytest.mark.parametrize("body", ["[]", '"text"', "5", "null", "{", '{"a": NaN}', ""])
@pytest.mark.parametrize("method", ["post", "put", "patch"])
def test_a_body_that_is_not_an_object_is_refused(body, method):
    url = URL if method == "post" else DELAYS
    answer = getattr(client("alice"), method)(url, body, content_type="application/json")
    assert answer.status_code in (400, 200 if (method, body) == ("patch", "") else 400)
    assert answer.status_code == 200 or answer.json()["code"] in ("malformed_json", "invalid_definition")


def test_put_replaces_the_definition_and_creates_a_version():
    answer = client("alice").put(DELAYS, NEW | {"slug": "carrier-delays"}, format="json")
    assert answer.status_code == 200
    assert (answer.json()["version"], answer.json()["description"]) == (2, "")
    assert answer.json()["definition"]["grants"] == {"generate": ["analysts"], "view": []}
    assert report().versions.count() == 2


def test_put_without_a_change_creates_no_version_and_no_audit_entry():
    alice = client("alice")
    before = AuditLog.objects.count()
    assert alice.put(DELAYS, SAMPLE["reports"][0], format="json").json()["version"] == 1
    assert AuditLog.objects.count() == before


def test_patch_changes_only_the_fields_it_names():
    answer = client("alice").patch(DELAYS, {"name": "Delays", "max_rows": None, "grants": {"view": []}}, format="json")
    definition = answer.json()["definition"]
    assert (answer.status_code, answer.json()["version"], definition["name"]) == (200, 2, "Delays")
    assert definition["max_rows"] is None
    assert definition["grants"] == {"generate": ["analysts", "user:bob"], "view": []}
    assert definition["query"] == SAMPLE["reports"][0]["query"]


def test_a_patch_with_an_invalid_outcome_is_refused():
    answer = client("alice").patch(DELAYS, {"parameters": []}, format="json")
    assert answer.status_code == 400
    assert answer.json()["fields"] == {
        "query": [f":{name} isn't defined. Add it as a parameter." for name in ("start", "end")]
    }
    assert client("alice").patch(DELAYS, {"name": None}, format="json").json()["fields"] == {
        "name": ["This field is required."]
    }


def test_a_report_can_be_renamed_but_not_moved():
    alice, pk = client("alice"), report().pk
    assert alice.patch(DELAYS, {"slug": "delays"}, format="json").json()["id"] == str(pk)
    assert alice.get(DELAYS).status_code == 404
    assert alice.patch(f"{URL}/delays", {"slug": "customers"}, format="json").json()["fields"] == {
        "slug": ["Another report already has this slug."]
    }
    moved = client("root").patch(f"{URL}/delays", {"tenant": "other"}, format="json")
    assert (moved.status_code, list(moved.json()["fields"])) == (400, ["tenant"])


def test_a_report_whose_source_was_deleted_can_be_given_another():
    delete_source("crm")
    alice = client("alice")
    assert alice.get(f"{URL}/customers").json()["definition"]["data_source"] == ""
    fixed = alice.patch(f"{URL}/customers", {"data_source": "flights"}, format="json")
    assert (fixed.status_code, fixed.json()["version"]) == (200, 2)


def test_delete_removes_the_report_and_its_versions_and_is_audited():
    alice, pk = client("alice"), report().pk
    assert alice.delete(DELAYS).status_code == 204
    assert alice.delete(DELAYS).status_code == 404
    assert not ReportConfiguration.objects.filter(pk=pk).exists()
    assert AuditLog.objects.filter(target_id=str(pk)).order_by("-sequence").first().action == Action.REPORT_DELETE


def test_a_revoked_right_is_gone_at_once():
    bob = client("bob")
    client("alice").patch(DELAYS, {"grants": {"generate": [], "view": []}}, format="json")
    assert bob.get(DELAYS).status_code == 403


@pytest.mark.parametrize("public", ["https://reports.example", "https://portal.example:8443/reports"])
def test_urls_of_pages_start_with_the_public_url(settings, public):
    settings.PUBLIC_URL = public
    alice, query = client("alice"), "pageSize=1&q=a%20%26b"
    first = alice.get(f"{URL}?{query}", headers={"host": "localhost:1234"})
    following = first.json()["next"]
    assert following.startswith(f"{public}{URL}?") and "pageSize=1" in following and "q=a" in following
    assert first["Link"] == f'<{following}>; rel="next"'
    second = alice.get(URL + following.removeprefix(public + URL))
    assert second.json()["previous"].startswith(f"{public}{URL}?")
    assert {report["slug"] for page in (first, second) for report in page.json()["results"]} == {
        "carrier-delays", "customers"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("method", "call"),
    [
        *(("get", ""), ("put", ""), ("patch", ""), ("delete", "")),
        *(("post", "/generate"), ("post", "/run"), ("post", "/validate")),
    ],
)
def test_a_slug_of_two_tenants_is_ambiguous_to_a_superuser(method, call):
    mine = report()
    ReportConfiguration.objects.create(tenant=Tenant.objects.get(slug="other"), slug="carrier-delays")
    answer = getattr(client("root"), method)(f"{DELAYS}{call}", {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "ambiguous_report")
    assert "UUID" in answer.json()["error"]
    assert ReportConfiguration.objects.filter(pk=mine.pk).exists()
    named = getattr(client("root"), method)(f"{URL}/{mine.pk}{call}", {}, format="json")
    assert named.json().get("code") != "ambiguous_report" if named.content else named.status_code == 204
    assert client("alice").get(DELAYS).status_code == (404 if (method, call) == ("delete", "") else 200)


def test_an_unsupported_method_is_405():
    answer = client("alice").post(DELAYS, {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
