"""Filter fields that several lists use."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import django_filters
from django.core.exceptions import ValidationError


class UtcDateTimeField(django_filters.fields.IsoDateTimeField):  # type: ignore[misc]
    """A date-time of ISO 8601 or RFC 3339, whose letters may be small. Digits of a second beyond the sixth are cut.

    Refuses those that are before the year 1 in UTC, which would raise OverflowError later.
    """

    def clean(self, value: Any) -> datetime | None:
        try:
            at: datetime | None = super().clean(value.upper() if isinstance(value, str) else value)
            if at is not None:
                at.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error
        return at


class UtcDateTimeFilter(django_filters.IsoDateTimeFilter):  # type: ignore[misc]
    field_class = UtcDateTimeField
