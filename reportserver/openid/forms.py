"""The form of an identity provider. What it says is checked as the API checks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import IdentityProvider, Tenant, User
from reports.definitions.errors import errors_in
from reports.exceptions import InvalidDefinition
from reportserver.openid.providers import definition_of

_MAX_TEXT = 50_000


class ProviderForm(forms.Form):
    """A new identity provider, or the definition of a stored one."""

    tenant = forms.ModelChoiceField(Tenant.objects.none(), label=_("Organization"), to_field_name="slug")
    slug = forms.CharField(label=_("URL name, part of the redirect URI"), max_length=100)
    name = forms.CharField(label=_("Name on the sign-in page"), max_length=200)
    issuer = forms.CharField(label=_("Issuer"), max_length=2000)
    client_id = forms.CharField(label=_("Client ID"), max_length=500)
    client_secret = forms.CharField(label=_("Client secret"), max_length=1000, strip=False, required=False)
    groups_claim = forms.CharField(label=_("Claim with groups"), max_length=200, required=False)
    roles = forms.CharField(label=_("Roles by group"), max_length=_MAX_TEXT, required=False)
    attributes = forms.CharField(label=_("Attributes by claim"), max_length=_MAX_TEXT, required=False)
    provision = forms.BooleanField(required=False)

    def __init__(self, actor: User, data: Any = None, provider: IdentityProvider | None = None) -> None:
        super().__init__(data, initial=_initial(provider) if provider else {})
        self.provider = provider
        tenants = Tenant.objects.order_by("name") if actor.is_superuser else Tenant.objects.filter(users=actor)
        self.fields["tenant"].queryset = tenants  # type: ignore[attr-defined]
        if provider:
            for name in ("tenant", "slug"):
                del self.fields[name]

    def clean_roles(self) -> dict[str, str]:
        return _mapping(self.cleaned_data["roles"])

    def clean_attributes(self) -> dict[str, str]:
        return _mapping(self.cleaned_data["attributes"])

    def entry(self) -> dict[str, Any]:
        """What the form says, as the API would send it. An empty secret keeps the stored one."""
        entry = self.cleaned_data | {
            "groups_claim": self.cleaned_data["groups_claim"] or None,
            "client_secret": self.cleaned_data["client_secret"] or None,
        }
        if tenant := entry.get("tenant"):
            entry["tenant"] = tenant.slug
        return entry

    def patch(self) -> dict[str, Any]:
        """The form as a merge patch of the stored definition: mappings lose what the form no longer has."""
        entry = self.entry()
        stored = definition_of(self.provider).entry() if self.provider else {}
        for name in ("roles", "attributes"):
            entry[name] = dict.fromkeys(stored.get(name, {})) | entry[name]
        return entry

    def add_errors(self, error: InvalidDefinition) -> None:
        """Show the errors of a definition at their fields."""
        for path, sentences in errors_in(error).items():
            name, _dot, below = path.partition(".")
            prefix = f"{below}: " if below else ""
            self.add_error(name if name in self.fields else None, [f"{prefix}{sentence}" for sentence in sentences])


def _mapping(text: str) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        # From the right: groups of directories contain equals signs.
        name, equals, value = (part.strip() for part in line.rpartition("="))
        if not (name and equals and value):
            raise forms.ValidationError(gettext("Write one on each line, like: finance = analysts"))
        if name in mapping:
            raise forms.ValidationError(gettext("%(name)s is listed twice."), params={"name": name})
        mapping[name] = value
    return mapping


def _initial(provider: IdentityProvider) -> dict[str, Any]:
    entry = definition_of(provider).entry()
    return entry | {name: _lines(entry[name]) for name in ("roles", "attributes")}


def _lines(mapping: Mapping[str, str]) -> str:
    return "\n".join(f"{name} = {value}" for name, value in mapping.items())
