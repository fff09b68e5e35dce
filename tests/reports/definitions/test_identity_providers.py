"""Identity providers and linked identities in the definitions file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accounts.models import IdentityProvider, LinkedIdentity, Tenant, User
from reports.definitions import yaml
from reports.definitions.errors import errors_in
from reports.definitions.export import export_definitions
from reports.definitions.providers.to_database import client_secret
from reports.exceptions import InvalidDefinition
from tests.reports.definitions.sample_file import ENV, apply_definitions

pytestmark = pytest.mark.django_db

TENANT = {"slug": "acme", "name": "Acme Inc.", "attributes": {"region": {"type": "string"}}}
PROVIDER: dict[str, Any] = {
    "slug": "corporate", "tenant": "acme", "name": "Corporate", "issuer": "https://login.example.com",
    "client_id": "reports", "client_secret_env": "CORPORATE_SECRET", "groups_claim": "groups",
    "roles": {"staff": "readers"}, "attributes": {"dept": "region"}, "provision": True,
}  # fmt: skip
SECRETS = ENV | {"CORPORATE_SECRET": "hush hush", "CORPORATE_CLIENT_SECRET": "hush hush"}


def user(name: str, subject: str, provider: str = "corporate") -> dict[str, Any]:
    return {"username": name, "tenant": "acme", "identities": [{"provider": provider, "sub": subject}]}


def apply(folder: Path, env: dict[str, str] = SECRETS, **sections: list[dict[str, Any]]) -> list[str]:
    return apply_definitions(folder, {"tenants": [TENANT]} | sections, env=env)


def refused(folder: Path, env: dict[str, str] = SECRETS, **sections: list[dict[str, Any]]) -> dict[str, list[str]]:
    with pytest.raises(InvalidDefinition) as caught:
        apply(folder, env, **sections)
    # Errors of the type are found when the file is read, and name its line.
    return {path.rpartition(": ")[2]: sentences for path, sentences in errors_in(caught.value).items()}


def test_a_file_creates_changes_exports_and_prunes_providers(tmp_path: Path) -> None:
    users = [user("bob", "b-1"), {**user("carol", "c-1"), "password_env": "BOB_PASSWORD"}]
    first = apply(tmp_path, identity_providers=[PROVIDER], users=users)
    assert "create identity provider corporate in acme" in first and "change identities of user bob" in first
    provider = IdentityProvider.objects.get()
    assert client_secret(provider) == "hush hush" and provider.enabled
    assert not User.objects.get(username="bob").has_usable_password()

    assert apply(tmp_path, identity_providers=[PROVIDER], users=users) == []
    # A variable that is not set keeps the secret, and whether it is enabled is left to Administrators.
    IdentityProvider.objects.update(enabled=False)
    changed = apply(tmp_path, ENV, identity_providers=[PROVIDER | {"roles": {"staff": "analysts"}}])
    assert changed == ["update identity provider corporate in acme: roles"]
    assert IdentityProvider.objects.filter(enabled=False, provision=True).exists()

    text, _ = export_definitions(Tenant.objects.all())
    exported = yaml.read(text).data
    entry = exported["identity_providers"][0]
    assert entry["client_secret_env"] == "CORPORATE_CLIENT_SECRET" and entry["enabled"] is False
    bob, carol = exported["users"]
    assert "password_env" not in bob and carol["password_env"] == "CAROL_PASSWORD"
    assert bob["identities"] == [{"provider": "corporate", "sub": "b-1"}] and "hush" not in text
    assert apply_definitions(tmp_path, exported, env=SECRETS | {"CAROL_PASSWORD": ENV["BOB_PASSWORD"]}) == []

    # An identity passes from one user to another.
    swapped = [user("bob", "c-1"), user("carol", "b-1")]
    apply(tmp_path, identity_providers=[PROVIDER], users=swapped)
    assert set(LinkedIdentity.objects.values_list("user__username", "subject")) == {("bob", "c-1"), ("carol", "b-1")}
    pruned = apply_definitions(tmp_path, {"tenants": [TENANT], "users": []}, prune=True)
    assert "delete identity provider corporate in acme" in pruned and not LinkedIdentity.objects.exists()


def test_what_is_wrong_is_said_at_its_field(tmp_path: Path) -> None:
    insecure = PROVIDER | {"issuer": "http://login.example.com", "groups_claim": None}
    assert refused(tmp_path, identity_providers=[insecure]) == {
        "identity_providers[0].issuer": ["Must start with https://, unless the provider runs on this host."],
    }
    assert refused(tmp_path, identity_providers=[PROVIDER | {"groups_claim": None}]) == {
        "identity_providers[0].groups_claim": ["Roles depend on groups: name the claim that has them."],
    }
    wrong = [PROVIDER | {"attributes": {"dept": "unknown"}, "tenant": "acme"}]
    assert refused(tmp_path, identity_providers=wrong, env=ENV) == {
        "identity_providers[0].attributes.dept": ["The tenant has no such attribute."],
        "identity_providers[0].client_secret_env": ["The environment variable CORPORATE_SECRET is not set."],
    }
    users = [
        user("bob", "b", provider="none"),
        user("carol", "c"),
        user("dave", "c"),
        user("etl", "e") | {"service": True},
        {"username": "erin", "tenant": "acme"},
    ]
    assert refused(tmp_path, identity_providers=[PROVIDER], users=users) == {
        "users[0].identities[0].provider": ["Identity provider none does not exist."],
        "users[2].identities[0].sub": ["Another user has this identity."],
        "users[3].identities[0].provider": ["A service account can't sign in."],
        "users[4].password_env": ["Required for a new user."],
    }
    assert not IdentityProvider.objects.exists() and not User.objects.exists()


def test_a_new_issuer_needs_new_links(tmp_path: Path) -> None:
    """Whoever can change the issuer can't take over users of the earlier one."""
    apply(tmp_path, identity_providers=[PROVIDER], users=[user("bob", "b-1")])
    apply(tmp_path, identity_providers=[PROVIDER | {"issuer": "https://other.example.com"}])
    identity = LinkedIdentity.objects.get()
    assert identity.issuer == "https://login.example.com" != identity.provider.issuer
    text, _ = export_definitions(Tenant.objects.all())
    assert "b-1" not in text
