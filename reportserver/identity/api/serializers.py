"""API keys as the API represents them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_date
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api_keys import MAX_DAYS, KeyRight
from accounts.models import ApiKey
from common.api.strict import StrictSerializer
from reportserver.identity.api_keys import DEFAULT_RIGHTS


class ExpiryField(serializers.DateTimeField):
    """A time, or a day, at the start of which the key expires (UTC)."""

    def to_internal_value(self, value: Any) -> datetime:
        try:
            is_day = isinstance(value, str) and parse_date(value) is not None
        except ValueError:
            is_day = False
        return super().to_internal_value(f"{value}T00:00:00Z" if is_day else value)


class NewKeySerializer(StrictSerializer):
    """A key to create."""

    name = serializers.CharField(max_length=100)
    expires = ExpiryField(help_text=f"At most {MAX_DAYS} days ahead. A date without a time is its start in UTC.")
    rights = serializers.ListField(
        child=serializers.ChoiceField(choices=[str(right) for right in KeyRight]),
        required=False,
        default=lambda: list(map(str, DEFAULT_RIGHTS)),
        allow_empty=False,
        help_text="By default view and generate. `administer` is everything that the user may do, and excludes "
        "`reports`.",
    )
    reports = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        allow_null=True,
        default=None,
        allow_empty=False,
        max_length=100,
        help_text="Slugs or ids of the reports that the key can be used for; all of them if left out.",
    )
    user = serializers.CharField(
        required=False,
        allow_null=True,
        default=None,
        max_length=150,
        help_text="A service account. For Administrators; the caller if left out.",
    )


class UsedKeySerializer(serializers.Serializer[ApiKey]):
    """The key that a call is made with."""

    id = serializers.CharField()
    name = serializers.CharField()
    rights = serializers.ListField(child=serializers.ChoiceField(choices=[str(right) for right in KeyRight]))
    reports = serializers.SerializerMethodField(help_text="Slugs; null: all reports.")
    expires = serializers.DateTimeField(source="expires_at")

    @extend_schema_field(serializers.ListField(child=serializers.CharField(), allow_null=True))
    def get_reports(self, key: ApiKey) -> list[str] | None:
        return key.report_slugs


class KeySerializer(UsedKeySerializer):
    """A key that was not revoked. Expired ones are listed too."""

    user = serializers.CharField(source="user.username")
    createdAt = serializers.DateTimeField(source="created_at")
    createdBy = serializers.CharField(source="created_by")
    lastUsedAt = serializers.DateTimeField(source="last_used_at", allow_null=True, help_text="To the minute.")


class CallerSerializer(serializers.Serializer[Any]):
    """Who makes the call."""

    username = serializers.CharField(source="user.username")
    tenant = serializers.CharField(
        source="user.tenant.slug", allow_null=True, default=None, help_text="null for superusers without a tenant."
    )
    administrator = serializers.BooleanField(
        source="user.is_administrator", help_text="Whether the caller can do everything in the tenant, with this key."
    )
    key = UsedKeySerializer(allow_null=True, help_text="null for a call with an access token.")


class CreatedKeySerializer(KeySerializer):
    """A key, with its text."""

    key = serializers.SerializerMethodField(help_text="Shown only now; the server keeps a digest of it.")

    def get_key(self, key: ApiKey) -> str:
        return str(self.context["text"])
