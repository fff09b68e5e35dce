"""Filter fields that several lists use."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import django_filters
from django.core.exceptions import ValidationError


class UtcDateTimeField(django_filters.fields.IsoDateTimeField):  # type: ignore[misc]
    """An ISO 8601 date-time. Refuses those that are before the year 1 in UTC, which would raise OverflowError later."""

    def clean(self, value: Any) -> datetime | None:
        try:
            at: datetime | None = super().clean(value)
            if at is not None:
                at.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error
        return at


class UtcDateTimeFilter(django_filters.IsoDateTimeFilter):  # type: ignore[misc]
    field_class = UtcDateTimeField
