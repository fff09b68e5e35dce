"""Data sources that were deleted while reports used them, as versions before this rule allowed."""

from __future__ import annotations

from django.db.models.signals import pre_delete

from reports.data_sources.usage import refuse_if_used
from reports.models import DataSource


def delete_source(slug: str) -> None:
    pre_delete.disconnect(refuse_if_used, sender=DataSource)
    try:
        DataSource.objects.filter(slug=slug).delete()
    finally:
        pre_delete.connect(refuse_if_used, sender=DataSource)
