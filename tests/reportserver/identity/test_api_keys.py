"""API keys: the calls that create and revoke them, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient, APIRequestFactory

from accounts.models import ApiKey, Tenant, User
from audit import tallies
from audit.models import Action, AuditLog, AuditTally
from jobs.models import JobExecutionLog
from reports.models import ReportConfiguration
from reportserver.auth import key_log
from reportserver.auth.authentication import BearerAuthentication
from reportserver.identity.api_keys import MAX_KEYS
from schedules import actions
from schedules.definitions import parse_schedule
from tests.pages.conftest import make_report
from tests.reports.api.clients import client
from tests.reportserver.identity.conftest import MakeKey, with_key

pytestmark = pytest.mark.django_db(databases="__all__")

URL = "/api/v1/keys"
REFUSED = {"error": "The API key is wrong, expired or revoked.", "code": "not_authenticated"}


def ahead(days: float) -> str:
    return (timezone.now() + timedelta(days=days)).isoformat()


def create(caller: APIClient, **fields: Any) -> Any:
    return caller.post(URL, {"name": "nightly", "expires": ahead(90)} | fields, format="json")


@pytest.fixture
def etl(acme: Tenant) -> User:
    return User.objects.create_user("etl", tenant=acme, service=True)


@pytest.fixture(autouse=True)
def empty_key_log() -> None:
    """Forget the uses that earlier tests have left in memory."""
    key_log._used.clear()
    key_log._refused.clear()


def test_a_key_is_created_used_and_revoked(report: ReportConfiguration) -> None:
    bob = client("bob")
    answer = create(bob, reports=["sales"])
    assert answer.status_code == 201, answer.content
    created = answer.json()
    text = created.pop("key")
    assert re.fullmatch(rf"rsk_{created['id']}_[0-9a-f]{{64}}", text)
    assert answer["Location"] == f"{settings.PUBLIC_URL}{URL}/{created['id']}"
    assert created == {
        "id": created["id"],
        "name": "nightly",
        "user": "bob",
        "rights": ["view", "generate"],
        "reports": ["sales"],
        "expires": created["expires"],
        "createdAt": created["createdAt"],
        "createdBy": "bob",
        "lastUsedAt": None,
    }
    stored = ApiKey.objects.get()
    assert text[-64:] not in repr(vars(stored)) and len(stored.digest) == 64
    assert bob.get(URL).json()["results"] == [created]
    assert with_key(text).get("/api/v1/reports").status_code == 200
    assert bob.delete(f"{URL}/{created['id']}").status_code == 204
    assert bob.get(URL).json()["results"] == []
    assert with_key(text).get("/api/v1/reports").json() == REFUSED
    assert bob.delete(f"{URL}/{created['id']}").status_code == 404
    entries = AuditLog.objects.filter(target_type="key").order_by("sequence")
    assert [(entry.actor, entry.action, entry.target_id) for entry in entries] == [
        ("bob", "Key Create", created["id"]),
        ("bob", "Key Revoke", created["id"]),
    ]
    assert text[-64:] not in repr([entry.details for entry in entries])


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "no expiry": ({"expires": None}, "expires"),
    "an expiry that is over": ({"expires": ahead(-1)}, "expires"),
    "more than 366 days": ({"expires": ahead(367)}, "expires"),
    "a day that doesn't exist": ({"expires": "2027-02-30"}, "expires"),
    "no name": ({"name": ""}, "name"),
    "a long name": ({"name": "x" * 101}, "name"),
    "no right": ({"rights": []}, "rights"),
    "an unknown right": ({"rights": ["delete"]}, "rights"),
    "an unknown report": ({"reports": ["nothing"]}, "reports"),
    "no report": ({"reports": []}, "reports"),
    "a limit for an administering key": ({"rights": ["administer"], "reports": ["sales"]}, "reports"),
    "a misspelled field": ({"right": ["view"]}, "right"),
}


@pytest.mark.parametrize("case", INVALID)
def test_what_is_wrong_with_a_key_is_said_at_its_field(case: str, report: ReportConfiguration) -> None:
    fields, name = INVALID[case]
    answer = create(client("alice"), **fields)
    assert answer.status_code == 400, answer.content
    assert answer.json()["code"] == "invalid_parameters" and list(answer.json()["fields"]) == [name]


def test_an_expiry_is_required(report: ReportConfiguration) -> None:
    answer = client("bob").post(URL, {"name": "nightly"}, format="json")
    assert answer.json()["fields"] == {"expires": ["This field is required."]}


def test_a_day_is_its_start(report: ReportConfiguration) -> None:
    day = (timezone.now() + timedelta(days=366)).date()
    answer = create(client("bob"), expires=day.isoformat())
    assert answer.json()["expires"] == f"{day}T00:00:00Z"


def test_a_user_has_a_limited_number_of_keys(report: ReportConfiguration, make_key: MakeKey) -> None:
    for _ in range(MAX_KEYS):
        make_key("bob")
    ApiKey.objects.filter(pk=ApiKey.objects.all()[0].pk).update(expires_at=timezone.now())
    assert create(client("bob")).status_code == 201, "an expired key doesn't count"
    assert create(client("bob")).json()["code"] == "too_many_keys"


def test_administrators_create_keys_for_service_accounts_only(people: dict[str, User], etl: User) -> None:
    alice = client("alice")
    created = create(alice, user="etl").json()
    assert (created["user"], created["createdBy"]) == ("etl", "alice")
    assert with_key(created["key"]).get("/api/v1/jobs").status_code == 200
    for name in ("bob", "gina", "nobody"):
        assert create(alice, user=name).json()["fields"] == {
            "user": ["There is no such service account in this tenant."]
        }
    assert create(client("gina"), user="etl").status_code == 400, "an Administrator of another tenant"
    assert create(client("bob"), user="etl").status_code == 403
    assert create(client("bob"), user="bob").status_code == 201


def test_keys_are_listed_and_revoked_by_their_user_and_administrators(etl: User, make_key: MakeKey) -> None:
    for name in ("bob", "carol", "etl", "gina"):
        make_key(name)
    listed = {
        name: {key["user"] for key in client(name).get(URL).json()["results"]} for name in ("alice", "bob", "gina")
    }
    assert listed == {"alice": {"bob", "carol", "etl"}, "bob": {"bob"}, "gina": {"gina"}}
    keys = {key.user.username: key.pk for key in ApiKey.objects.select_related("user")}
    assert client("bob").delete(f"{URL}/{keys['carol']}").json()["code"] == "key_not_found"
    assert client("gina").delete(f"{URL}/{keys['bob']}").status_code == 404
    assert client("alice").delete(f"{URL}/{keys['gina']}").status_code == 404
    assert client("alice").delete(f"{URL}/{keys['bob']}").status_code == 204
    assert client("bob").delete(f"{URL}/%00").status_code == 404


def _expire(user: User) -> None:
    user.api_keys.update(expires_at=timezone.now() - timedelta(seconds=1))


def _revoke(user: User) -> None:
    user.api_keys.update(revoked_at=timezone.now())


def _deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def _deactivate_and_activate(user: User) -> None:
    _deactivate(user)
    User.objects.filter(pk=user.pk).update(is_active=True)


ENDS: dict[str, Callable[[User], Any]] = {
    "it expires": _expire,
    "it is revoked": _revoke,
    "its user is deactivated": _deactivate,
    "its user was deactivated meanwhile": _deactivate_and_activate,
    "its user is deleted": lambda user: user.delete(),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_key_ends_when(end: str, people: dict[str, User], make_key: MakeKey) -> None:
    text = make_key("bob")
    assert with_key(text).get("/api/v1/jobs").status_code == 200
    ENDS[end](people["bob"])
    answer = with_key(text).get("/api/v1/jobs")
    assert (answer.status_code, answer.json()) == (401, REFUSED)
    assert answer["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


def test_a_change_of_the_password_ends_no_key(people: dict[str, User], make_key: MakeKey) -> None:
    text = make_key("bob")
    people["bob"].set_password("another long password")
    people["bob"].save()
    assert with_key(text).get("/api/v1/jobs").status_code == 200


@pytest.mark.parametrize("wrong", ["rsk_", "rsk_x_y", "rsk_é", "rsk_" + "0" * 16 + "_" + "0" * 64])
def test_every_wrong_key_has_the_same_answer(wrong: str, people: dict[str, User]) -> None:
    answer = APIClient().get("/api/v1/jobs", HTTP_AUTHORIZATION=f"bearer {wrong}".encode())
    assert (answer.status_code, answer.json()) == (401, REFUSED)


def test_a_wrong_secret_is_refused(people: dict[str, User], make_key: MakeKey) -> None:
    text = make_key("bob")
    wrong = text[:-1] + ("0" if text[-1] != "0" else "1")
    assert with_key(wrong).get("/api/v1/jobs").json() == REFUSED
    assert with_key(text).get("/api/v1/jobs").status_code == 200


def test_no_key_is_an_access_token(people: dict[str, User], make_key: MakeKey) -> None:
    text = make_key("bob")
    for path, field in (("verify", "token"), ("refresh", "refresh"), ("revoke", "refresh")):
        assert APIClient().post(f"/api/v1/auth/token/{path}", {field: text}, format="json").status_code == 401


def test_refused_keys_become_one_audit_entry(people: dict[str, User], make_key: MakeKey) -> None:
    text = make_key("bob")
    _revoke(people["bob"])
    for _ in range(3):
        with_key(text).get("/api/v1/jobs")
    with_key("rsk_" + "0" * 16 + "_" + "0" * 64).get("/api/v1/jobs")
    assert not AuditTally.objects.exists(), "a refused call writes nothing itself"
    key_log.write()
    earlier = timezone.now() - timedelta(minutes=1)
    AuditTally.objects.update(first_at=earlier, last_at=earlier)
    assert tallies.record_due() == 2
    entries = {entry.target_id: entry for entry in AuditLog.objects.filter(action=Action.KEY_REFUSED)}
    of_bob, unknown = entries[text.split("_")[1]], entries["unknown"]
    assert of_bob.tenant_id == people["bob"].tenant_id and of_bob.actor == "unknown"
    assert {name: of_bob.details[name] for name in ("name", "user", "count", "address")} == {
        "name": "nightly",
        "user": "bob",
        "count": 3,
        "address": "127.0.0.1",
    }
    assert unknown.tenant_id is None and unknown.details["count"] == 1


def test_the_last_use_is_written_to_the_minute_and_later(people: dict[str, User], make_key: MakeKey) -> None:
    text = make_key("bob")
    with_key(text).get("/api/v1/jobs")
    assert ApiKey.objects.get().last_used_at is None
    key_log.write()
    used_at = ApiKey.objects.get().last_used_at
    assert used_at and (used_at.second, used_at.microsecond) == (0, 0)
    assert timezone.now() - used_at < timedelta(minutes=2)
    later = datetime(2999, 1, 1, tzinfo=UTC)
    ApiKey.objects.update(last_used_at=later)
    with_key(text).get("/api/v1/jobs")
    key_log.write()
    assert ApiKey.objects.get().last_used_at == later, "another process was faster"


def test_a_key_takes_one_query(
    people: dict[str, User], make_key: MakeKey, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for text, expected in ((make_key("bob"), True), ("rsk_" + "0" * 16 + "_" + "0" * 64, False)):
        with django_assert_num_queries(1):
            user, is_valid = User.objects.get_by_key(text)
            assert is_valid is expected and (user is not None) is expected
    request = APIRequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {make_key('alice', ['administer'])}")
    with django_assert_num_queries(1):
        user, _ = BearerAuthentication().authenticate(request)  # type: ignore[arg-type]
        assert user.is_administrator


def test_lists_hold_what_the_key_covers(
    acme: Tenant, report: ReportConfiguration, make_job: Callable[..., JobExecutionLog], make_key: MakeKey
) -> None:
    other = make_report(acme, "other", "Another report", [])
    make_job(by="bob")
    make_job(by="carol")
    make_job(by="alice", report=other, report_slug="other")
    entry = {"tenant": "acme", "cron": "0 * * * *", "parameters": {"start": "2024-01-01"}}
    bob = User.objects.get(username="bob")
    actions.create_schedule(definition=parse_schedule(entry | {"slug": "s", "report": "sales"}), tenant=acme, actor=bob)

    def listed(name: str, *limits: Any) -> tuple[list[str], list[str], int]:
        caller = with_key(make_key(name, *limits))
        reports, jobs, schedules = (
            caller.get(f"/api/v1/{kind}").json()["results"] for kind in ("reports", "jobs", "schedules")
        )
        return [row["slug"] for row in reports], sorted(job["createdBy"] for job in jobs), len(schedules)

    assert listed("bob", ["view"]) == (["sales"], ["bob", "carol"], 0)
    assert listed("bob", ["generate"]) == (["sales"], ["bob"], 1)
    assert listed("bob", ["view", "generate"], ["other"]) == ([], [], 0)
    assert listed("bob", ["administer"]) == (["sales"], ["bob", "carol"], 1), "never more than its user"
    assert listed("alice", ["view"]) == (["other", "sales"], ["alice", "bob", "carol"], 0)
    assert listed("alice", ["generate"]) == (["other", "sales"], ["alice"], 0)
    assert listed("alice", ["view"], ["other"]) == (["other"], ["alice"], 0)
    assert listed("alice", ["administer"]) == (["other", "sales"], ["alice", "bob", "carol"], 1)
    rights = with_key(make_key("alice", ["view"])).get("/api/v1/reports/sales").json()
    assert rights["rights"] == ["view"] and "definition" not in rights


def test_a_key_never_does_more_than_its_user(report: ReportConfiguration, make_key: MakeKey) -> None:
    carol = with_key(make_key("carol", ["view", "generate", "administer"]))
    answer = carol.post("/api/v1/reports/sales/generate", {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert carol.get("/api/v1/audit").status_code == 403
    assert with_key(make_key("gina", ["administer"])).get("/api/v1/reports/sales").status_code == 404


def test_jobs_and_audit_entries_name_the_key(report: ReportConfiguration, make_key: MakeKey) -> None:
    caller = with_key(make_key("bob", title="the nightly one"))
    body = {"parameters": {"start": "2024-01-01"}}
    job = caller.post("/api/v1/reports/sales/generate", body, format="json").json()["jobId"]
    assert caller.get(f"/api/v1/jobs/{job}").json()["createdWithKey"] == "the nightly one"
    entry = AuditLog.objects.get(action=Action.JOB_GENERATE)
    assert (entry.actor, entry.details["key"]) == ("bob", "the nightly one")
    by_token = client("bob").post("/api/v1/reports/sales/generate", body, format="json").json()["jobId"]
    assert client("bob").get(f"/api/v1/jobs/{by_token}").json()["createdWithKey"] is None


def test_a_limited_key_moves_no_schedule_to_another_report(
    acme: Tenant, report: ReportConfiguration, people: dict[str, User], make_key: MakeKey
) -> None:
    other = make_report(acme, "other", "Another report", [])
    for grant in report.usergrant_set.filter(user=people["bob"]):
        other.usergrant_set.create(user=people["bob"], permission=grant.permission)
    body = {"slug": "s", "report": "sales", "cron": "0 * * * *", "parameters": {"start": "2024-01-01"}}
    caller = with_key(make_key("bob", reports=["sales"]))
    assert caller.post("/api/v1/schedules", body, format="json").status_code == 201
    answer = caller.patch("/api/v1/schedules/s", {"report": "other", "parameters": None}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "key_scope")
    allowed = client("bob").patch("/api/v1/schedules/s", {"report": "other", "parameters": None}, format="json")
    assert allowed.status_code == 200, allowed.content
    assert caller.get("/api/v1/schedules/s").status_code == 403


def test_calls_with_a_key_count_for_its_user(
    report: ReportConfiguration, make_key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.RATE_LIMITS, "api", 2)
    assert [with_key(make_key("bob")).get("/api/v1/jobs").status_code for _ in range(3)] == [200, 200, 429]
    assert client("bob").get("/api/v1/jobs").status_code == 429
