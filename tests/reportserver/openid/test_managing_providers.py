"""What Administrators can do with identity providers, on the page and through the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import IdentityProvider, LinkedIdentity, Tenant, User
from accounts.roles import role_group, role_name
from audit.models import AuditLog
from reports.definitions.providers.to_database import client_secret
from reportserver.openid.flow import SignedIn
from reportserver.openid.users import user_of
from reportserver.operations.stored_secrets import stored_secrets

pytestmark = pytest.mark.django_db(databases="__all__")

BODY: dict[str, Any] = {
    "slug": "corporate", "name": "Corporate", "issuer": "https://login.example.com", "client_id": "reports",
    "client_secret": "hush hush", "groups_claim": "groups", "roles": {"staff": "readers"},
    "attributes": {"dept": "region"}, "provision": True,
}  # fmt: skip
URL = "/api/v1/identity-providers"


@pytest.fixture(autouse=True)
def tenant(acme: Tenant, people: dict[str, User]) -> Tenant:
    acme.attributes = {"region": {"type": "string", "multiple": True}}
    acme.save()
    role_group(acme, "readers")
    return acme


@pytest.fixture
def calls(people: dict[str, User]) -> Callable[[str], APIClient]:
    """Return a function that makes a client of the API, signed in as a user."""

    def sign_in(name: str) -> APIClient:
        client = APIClient()
        client.force_authenticate(people[name])
        return client

    return sign_in


def problems(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 400, answer.content
    fields: dict[str, list[str]] = answer.json()["fields"]
    return fields


def test_an_administrator_creates_changes_and_deletes_a_provider(calls: Callable[[str], APIClient]) -> None:
    alice = calls("alice")
    created = alice.post(URL, BODY, format="json")
    assert created.status_code == 201, created.content
    url = created.headers["Location"]
    assert "hush" not in created.content.decode()
    body = created.json()
    assert body["hasClientSecret"] and body["redirectUri"].endswith("/login/acme/corporate/callback")
    assert body["definition"]["roles"] == {"staff": "readers"}
    provider = IdentityProvider.objects.get()
    assert client_secret(provider) == "hush hush" and "hush" not in provider.encrypted_client_secret
    assert [str(secret) for secret in stored_secrets()] == ["identity provider corporate of Acme Inc."]

    changed = alice.patch(url, {"name": "Company", "roles": {"staff": None}, "enabled": False}, format="json")
    assert changed.status_code == 200 and not changed.json()["enabled"]
    assert changed.json()["definition"]["roles"] == {} and changed.json()["hasClientSecret"]
    assert alice.get(url).json() == changed.json() == alice.get(URL).json()["results"][0]
    assert alice.patch(url, {"client_secret": ""}, format="json").json()["hasClientSecret"] is False
    assert alice.delete(url).status_code == 204 and alice.get(url).status_code == 404
    recorded = list(AuditLog.objects.order_by("sequence").values_list("action", "details__changed"))
    assert recorded == [
        ("Provider Create", None),
        ("Provider Update", ["name", "enabled", "roles"]),
        ("Provider Update", ["client_secret"]),
        ("Provider Delete", None),
    ]


def test_a_wrong_provider_is_refused_field_by_field(calls: Callable[[str], APIClient]) -> None:
    alice = calls("alice")
    wrong = BODY | {
        "issuer": "http://login.example.com", "roles": {"staff": "nobody"}, "attributes": {"dept": "unknown"},
        "client_secret_env": "PATH",
    }  # fmt: skip
    assert problems(alice.post(URL, wrong, format="json")) == {
        "issuer": ["Must start with https://, unless the provider runs on this host."],
        "client_secret_env": ["Unknown field."],
    }
    wrong |= {"issuer": "https://login.example.com"}
    del wrong["client_secret_env"]
    assert problems(alice.post(URL, wrong, format="json")) == {
        "roles.staff": ["You can't give a role of this name."],
        "attributes.dept": ["The tenant has no such attribute."],
    }
    assert problems(alice.post(URL, BODY | {"tenant": "globex"}, format="json")) == {
        "tenant": ["This tenant does not exist."]
    }
    assert alice.post(URL, BODY, format="json").status_code == 201
    assert problems(alice.post(URL, BODY, format="json")) == {
        "slug": ["The tenant has an identity provider with this slug."]
    }
    assert not AuditLog.objects.exclude(action="Provider Create").exists()


def test_a_new_issuer_does_not_get_the_secret_of_the_earlier_one(calls: Callable[[str], APIClient]) -> None:
    alice = calls("alice")
    url = alice.post(URL, BODY, format="json").headers["Location"]
    assert problems(alice.patch(url, {"issuer": "https://evil.example.com"}, format="json")) == {
        "client_secret": ["Enter the secret again: it was for the earlier issuer."]
    }
    changed = alice.patch(url, {"issuer": "https://new.example.com", "client_secret": "another"}, format="json")
    assert changed.status_code == 200
    assert problems(alice.patch(url, {"slug": "other"}, format="json")).keys() == {"slug"}


def test_a_role_with_more_rights_than_the_administrator_cannot_be_mapped(
    calls: Callable[[str], APIClient], acme: Tenant
) -> None:
    role_group(acme, "powerful").permissions.add(Permission.objects.get(codename="delete_tenant"))
    Group.objects.create(name="of the operator")
    for name in ("powerful", "of the operator"):
        answer = calls("alice").post(URL, BODY | {"roles": {"staff": name}}, format="json")
        assert problems(answer) == {"roles.staff": ["You can't give a role of this name."]}


def test_nobody_else_sees_a_provider(calls: Callable[[str], APIClient], browse: Callable[[str], Client]) -> None:
    url = calls("alice").post(URL, BODY, format="json").headers["Location"]
    provider_id = url.rpartition("/")[2]
    gina = calls("gina")
    for method in ("get", "patch", "delete"):
        assert getattr(gina, method)(url).status_code == 404
        assert getattr(calls("bob"), method)(url).status_code == 403
        assert getattr(APIClient(), method)(url).status_code == 401
    assert gina.post(f"{url}/test").status_code == gina.get(f"{URL}/no-id").status_code == 404
    assert gina.get(URL).json()["results"] == []
    pages = ["/identity", f"/identity/{provider_id}"]
    assert [browse("bob").get(page).status_code for page in pages] == [403, 403]
    assert [browse("gina").get(page).status_code for page in pages] == [200, 404]
    assert browse("gina").post(f"/identity/{provider_id}/delete").status_code == 404
    assert browse("bob").post(f"/identity/{provider_id}/delete").status_code == 403
    assert "unlinked" in browse("alice").get(f"/identity/{provider_id}/delete").content.decode()
    assert IdentityProvider.objects.filter(pk=provider_id).exists()
    assert browse("alice").post(f"/identity/{provider_id}/delete").status_code == 302
    assert not IdentityProvider.objects.filter(pk=provider_id).exists()


def test_a_test_says_what_is_wrong(calls: Callable[[str], APIClient]) -> None:
    """Addresses that webhooks may not call can't be called here either."""
    alice = calls("alice")
    url = alice.post(URL, BODY | {"issuer": "https://127.0.0.1:9"}, format="json").headers["Location"]
    assert alice.post(f"{url}/test").json() == {
        "problems": ["This server is not allowed to call the provider's address for its configuration."]
    }


def test_the_page_takes_groups_with_equals_signs(browse: Callable[[str], Client]) -> None:
    alice = browse("alice")
    form = BODY | {"tenant": "acme", "roles": "cn=staff,ou=groups = readers\n", "attributes": "dept = region"}
    created = alice.post("/identity/new", form)
    assert created.status_code == 302, created.content.decode()
    provider = IdentityProvider.objects.get()
    assert [role.value for role in provider.roles.all()] == ["cn=staff,ou=groups"]
    page = alice.get(created.url).content.decode()
    assert "cn=staff,ou=groups = readers" in page and "hush" not in page
    wrong = form | {"roles": "nothing", "issuer": "ftp://x"}
    assert "Write one on each line" in alice.post(created.url, wrong).content.decode()
    kept = {name: value for name, value in form.items() if name != "client_secret"} | {"roles": "", "provision": ""}
    assert alice.post(created.url, kept).status_code == 302
    provider.refresh_from_db()
    assert not provider.provision and not provider.roles.exists() and client_secret(provider) == "hush hush"


def test_claims_of_a_wrong_type_take_what_they_would_give(acme: Tenant, calls: Callable[[str], APIClient]) -> None:
    calls("alice").post(URL, BODY, format="json")
    provider = IdentityProvider.objects.select_related("tenant").get()

    def sign_in(**claims: object) -> tuple[list[str], dict[str, object]]:
        user = user_of(provider, SignedIn("sub-1", {"preferred_username": "nina", **claims}, "", None))
        return [role_name(role) for role in user.groups.all()], User.objects.get(pk=user.pk).attributes

    assert sign_in(groups="staff", dept="north") == (["readers"], {"region": ["north"]})
    assert sign_in(groups=["staff", 7], dept=["a", "b"]) == (["readers"], {"region": ["a", "b"]})
    assert sign_in(groups={"staff": True}, dept={"a": 1}) == ([], {})
    updates = AuditLog.objects.filter(action="User Update").order_by("sequence").values_list("details", flat=True)
    assert updates[2]["rolesTaken"] == ["readers"] and updates[2]["refusedClaims"] == ["dept"]
    assert {entry.actor for entry in AuditLog.objects.filter(action__startswith="User")} == {"system"}


def test_administrators_see_and_unlink_identities(
    acme: Tenant, people: dict[str, User], browse: Callable[[str], Client]
) -> None:
    provider = IdentityProvider.objects.create(tenant=acme, slug="x", issuer="https://x", client_id="x", name="Xaver")
    identity = LinkedIdentity.objects.create(
        provider=provider, user=people["bob"], issuer="https://x", subject="sub-1", created_at=timezone.now()
    )
    page = browse("alice").get("/people").content.decode()
    assert "Xaver" in page and "sub-1" in page
    url = f"/people/{people['bob'].pk}/unlink"
    for wrong in ({}, {"identity": "x"}, {"identity": identity.pk + 1}):
        assert browse("alice").post(url, wrong).status_code == 404
    assert browse("gina").post(url, {"identity": identity.pk}).status_code == 404
    assert browse("alice").post(url, {"identity": identity.pk}).status_code == 302
    assert not people["bob"].identities.exists()
    entry = AuditLog.objects.get(action="Identity Unlink")
    assert (entry.actor, entry.details["subject"]) == ("alice", "sub-1")


def test_a_superusers_sessions_cannot_come_from_a_provider(acme: Tenant, people: dict[str, User]) -> None:
    """Whoever configures a provider could sign in as everybody who is linked to it."""
    provider = IdentityProvider.objects.create(tenant=acme, slug="x", issuer="https://x", client_id="x", name="X")
    root = User.objects.create_superuser("root", tenant=acme)
    assert not provider.can_be_used_by(root)
    assert not provider.can_be_used_by(people["gina"])
    assert provider.can_be_used_by(people["bob"])
