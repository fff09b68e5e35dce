"""The form of the connections page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant, User
from jobs.connections import to_database
from jobs.connections.channels.urls import MAX_LENGTH
from jobs.connections.models import Connection

#: The fields of the form by the field of the definition whose errors they show.
_FIELDS = {"grants": "use"}


class ConnectionForm(forms.Form):
    """A connection. What is wrong with its fields is checked with the definition; secrets are never shown again."""

    slug = forms.CharField(label=_("URL name"))
    kind = forms.ChoiceField(label=_("Kind"), choices=Connection.Kind.choices)
    url = forms.CharField(label=_("URL"), required=False, max_length=MAX_LENGTH)
    host_key = forms.CharField(label=_("Host key (SFTP)"), required=False)
    private_key = forms.CharField(label=_("Private key (SFTP, instead of a password)"), required=False)
    use = forms.CharField(label=_("Who may use it, besides Administrators: roles, user:name"), required=False)
    tenant = forms.ModelChoiceField(
        Tenant.objects.none(), label=_("Organization"), to_field_name="slug", required=False
    )

    def __init__(self, actor: User, data: Any = None, *, connection: Connection | None = None) -> None:
        initial = {} if connection is None else _initial(connection)
        super().__init__(data, initial=initial, auto_id=f"id_{connection.slug if connection else 'new'}_%s")
        self.connection = connection
        tenants = Tenant.objects.all() if actor.is_superuser else Tenant.objects.filter(users=actor)
        self.fields["tenant"].queryset = tenants.order_by("name")  # type: ignore[attr-defined]
        if connection is not None:
            self.fields["kind"].disabled = True

    def entry(self) -> dict[str, Any]:
        """Return the definition that the form asks for, if it is valid. An empty secret stays as it is stored."""
        asked = self.cleaned_data
        use = [name.strip() for name in asked["use"].split(",") if name.strip()]
        tenant = self.connection.tenant if self.connection else asked["tenant"]
        entry: dict[str, Any] = {
            "slug": asked["slug"],
            "kind": asked["kind"],
            "host_key": asked["host_key"] or None,
            "grants": {"use": use},
            "url": asked["url"] or None,
            "private_key": asked["private_key"] or None,
        }
        return entry | ({"tenant": tenant.slug} if tenant else {})

    def show_errors(self, errors: dict[str, list[str]]) -> None:
        for path, sentences in errors.items():
            top = path.partition(".")[0].partition("[")[0]
            name = _FIELDS.get(top, top)
            self.add_error(name if name in self.fields else None, sentences)


def _initial(connection: Connection) -> dict[str, Any]:
    return {
        "slug": connection.slug,
        "kind": connection.kind,
        "host_key": connection.host_key,
        "use": ", ".join(to_database.grants(connection)),
    }
