"""Second factors: setting one up, signing in with it on the pages and by the API, and tenants that require it."""

from __future__ import annotations

import base64
import re
from io import StringIO
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import SecondFactor, Tenant, User
from audit.models import Action, AuditLog
from jobs.sql import now
from reports.definitions.export import export_definitions
from reportserver.auth import second_factor
from reportserver.operations.stored_secrets import stored_secrets
from tests.pages.conftest import PASSWORD
from tests.reports.definitions.sample_file import apply_definitions, sample
from tests.reportserver.identity.conftest import MakeKey, with_key

pytestmark = pytest.mark.django_db(databases="__all__")


def code_of(name: str = "bob", steps: int = 0) -> str:
    """The code that bob's app shows, or one of a number of half minutes later."""
    factor = SecondFactor.objects.select_related("user").get(user__username=name)
    secret = base64.b32decode(second_factor.secret_of(factor))
    return TOTP(secret, 6, SHA1(), 30).generate(int(now().timestamp()) + 30 * steps).decode()  # noqa: S303


def password_alone(name: str = "bob", follow: str = "/jobs") -> tuple[Client, Any]:
    browser = Client()
    return browser, browser.post("/login", {"username": name, "password": PASSWORD, "next": follow})


def set_up(browser: Client, name: str = "bob") -> list[str]:
    """Set the factor up on the account page. Returns the recovery codes."""
    browser.post("/account/second-factor/begin")
    answer = browser.post("/account/second-factor/confirm", {"code": code_of(name, -1)})
    codes: list[str] = answer.context["recovery_codes"]
    return codes


@pytest.fixture
def recovery(people: dict[str, User]) -> list[str]:
    """The recovery codes of bob, who has a second factor."""
    browser, _ = password_alone()
    return set_up(browser)


def token(**fields: str) -> Any:
    credentials = {"username": "bob", "password": PASSWORD} | fields
    return APIClient().post("/api/v1/auth/token", credentials, format="json")


def test_somebody_sets_it_up(people: dict[str, User]) -> None:
    browser, _ = password_alone()
    browser.post("/account/second-factor/begin")
    page = browser.get("/account").content.decode()
    factor = SecondFactor.objects.select_related("user").get()
    assert second_factor.secret_of(factor) in page and "data:image/svg+xml" in page
    assert second_factor.secret_of(factor) not in factor.encrypted_secret
    assert password_alone()[1]["Location"] == "/jobs", "nothing asks for it yet"
    wrong = browser.post("/account/second-factor/confirm", {"code": "000000"})
    assert wrong.status_code == 400 and "The code is wrong" in wrong.content.decode()
    answer = browser.post("/account/second-factor/confirm", {"code": f"{code_of()[:3]} {code_of()[3:]}"})
    codes = answer.context["recovery_codes"]
    assert len(set(codes)) == 10 and all(code in answer.content.decode() for code in codes)
    page = browser.get("/account").content.decode()
    assert not [code for code in codes if code in page] and "10 recovery codes are left" in page
    assert not [code for code in codes if code in repr(SecondFactor.objects.values())]
    assert AuditLog.objects.get(action=Action.SECOND_FACTOR_ADD).actor == "bob"
    assert [secret.field for secret in stored_secrets()] == ["encrypted_secret"], "rotate_keys finds it"


def test_signing_in_on_the_pages_takes_a_code(recovery: list[str]) -> None:
    browser, answer = password_alone()
    assert answer["Location"] == "/login/code"
    assert browser.get("/jobs")["Location"] == "/login?next=/jobs", "nobody is signed in yet"
    wrong = browser.post("/login/code", {"code": "000000"})
    assert "The code is wrong" in wrong.content.decode()
    answer = browser.post("/login/code", {"code": code_of()})
    assert answer["Location"] == "/jobs" and browser.get("/jobs").status_code == 200
    assert AuditLog.objects.filter(action=Action.SIGN_IN).count() == 2


def test_a_code_works_once(recovery: list[str]) -> None:
    code = code_of()
    assert token(otp=code).status_code == 200
    assert token(otp=code).status_code == 401
    browser, _ = password_alone()
    assert browser.post("/login/code", {"code": code}).status_code == 200


def test_the_api_takes_a_code(recovery: list[str], make_key: MakeKey) -> None:
    missing = token()
    assert (missing.status_code, missing.json()["code"]) == (401, "otp_required")
    assert missing["WWW-Authenticate"]
    assert token(otp="").json()["code"] == "otp_required"
    assert token(otp="000000").json()["code"] == "not_authenticated"
    assert token(otp=code_of(), password="wrong").json()["code"] == "not_authenticated"
    assert token(otp=code_of()).status_code == 200
    assert with_key(make_key("bob")).get("/api/v1/jobs").status_code == 200, "keys need no code"


@pytest.mark.parametrize("steps", [-3, 3])
def test_an_old_or_future_code_is_refused(steps: int, recovery: list[str]) -> None:
    assert token(otp=code_of(steps=steps)).status_code == 401


@pytest.mark.parametrize("code", ["", "12345", "1234567", "١٢٣٤٥٦", "abcdef", "\0" * 6])
def test_no_other_text_is_a_code(code: str, recovery: list[str]) -> None:
    browser, _ = password_alone()
    assert browser.post("/login/code", {"code": code}).status_code == 200
    assert browser.get("/jobs").status_code == 302


def test_a_recovery_code_works_once(recovery: list[str]) -> None:
    assert token(otp=recovery[0].upper()).status_code == 200
    assert token(otp=recovery[0]).status_code == 401
    browser, _ = password_alone()
    assert browser.post("/login/code", {"code": recovery[1]})["Location"] == "/jobs"
    assert AuditLog.objects.filter(action=Action.RECOVERY_CODE_USED).count() == 2
    assert len(SecondFactor.objects.get().recovery) == 8


def test_guesses_are_limited(recovery: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.RATE_LIMITS, "sign_in", 2)
    browser, _ = password_alone()
    for _ in range(2):
        browser.post("/login/code", {"code": "000000"})
    locked = browser.post("/login/code", {"code": code_of()})
    assert locked.status_code == 429 and locked["Retry-After"]
    assert token(otp=code_of()).status_code == 429


def test_the_second_step_is_for_a_few_minutes_and_one_password(recovery: list[str], people: dict[str, User]) -> None:
    assert Client().get("/login/code")["Location"] == "/login"
    assert Client().post("/login/code", {"code": code_of()})["Location"] == "/login"
    late, _ = password_alone()
    session = late.session
    session["pending_sign_in"] = [*session["pending_sign_in"][:2], 0, *session["pending_sign_in"][3:]]
    session.save()
    assert late.post("/login/code", {"code": code_of()})["Location"] == "/login"
    browser, _ = password_alone()
    people["bob"].set_password("another long password")
    people["bob"].save()
    assert browser.post("/login/code", {"code": code_of()})["Location"] == "/login"


def test_it_is_removed_with_the_password(recovery: list[str]) -> None:
    browser, _ = password_alone()
    browser.post("/login/code", {"code": code_of()})
    assert browser.post("/account/second-factor/remove", {"current": "wrong"}).status_code == 400
    assert SecondFactor.objects.exists()
    assert browser.post("/account/second-factor/remove", {"current": PASSWORD}).status_code == 302
    assert token().status_code == 200
    assert AuditLog.objects.get(action=Action.SECOND_FACTOR_REMOVE).actor == "bob"


def test_an_operator_resets_it(recovery: list[str]) -> None:
    output = StringIO()
    call_command("reset_second_factor", "bob", stdout=output)
    assert "bob" in output.getvalue() and token().status_code == 200
    with pytest.raises(CommandError, match="no second factor"):
        call_command("reset_second_factor", "bob")


def test_a_tenant_requires_it(acme: Tenant, people: dict[str, User]) -> None:
    Tenant.objects.filter(pk=acme.pk).update(require_second_factor=True)
    refused = token()
    assert (refused.status_code, refused.json()["code"]) == (401, "second_factor_required")
    browser, _ = password_alone()
    for path in ("/jobs", "/", "/admin/"):
        assert browser.get(path)["Location"] == "/account", path
    assert "requires a second factor" in browser.get("/account").content.decode()
    set_up(browser)
    assert browser.get("/jobs").status_code == 200
    assert token(otp=code_of()).status_code == 200
    browser.post("/account/second-factor/remove", {"current": PASSWORD})
    assert browser.get("/jobs")["Location"] == "/account"


def test_a_file_says_that_a_tenant_requires_it(tmp_path: Any, db: None) -> None:
    data = sample()
    data["tenants"][0]["require_second_factor"] = True
    apply_definitions(tmp_path, data)
    acme = Tenant.objects.get()
    assert acme.require_second_factor
    assert re.search("require_second_factor: true", export_definitions([acme])[0])
    assert apply_definitions(tmp_path, sample()) == ["update tenant acme: require_second_factor"]
    assert "require_second_factor" not in export_definitions([Tenant.objects.get()])[0]
