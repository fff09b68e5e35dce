"""All that Administrators do with data sources: each in one transaction with its audit entry, or not at all."""

from __future__ import annotations

import copy

from django.db import IntegrityError, transaction
from django.db.models.functions import Now  # noqa: TID251 - milliseconds don't matter here

from accounts.models import Tenant, User
from audit import actions as audit
from audit.models import Action
from common.children.messages import ChildLimits
from reports.data_sources import tasks
from reports.data_sources.body import SourceBody
from reports.data_sources.place import set_place
from reports.definitions.errors import invalid_definition
from reports.dry_run.limited import run_in_child
from reports.dry_run.results import SourceCheck
from reports.dry_run.source_check import check_source
from reports.exceptions import RunError, SourceNotFound, WrongKey
from reports.models import DataSource

_TABLES_LIMITS = ChildLimits(seconds=tasks.TABLES_SECONDS + 2)


def create_source(*, body: SourceBody, tenant: Tenant, actor: User) -> DataSource:
    """Create a data source. Raises InvalidDefinition."""
    source = DataSource(tenant=tenant)
    with transaction.atomic():
        _set(source, body)
        _save(source)
        _record(Action.SOURCE_CREATE, source, actor, kind=source.kind, location=source.location)
    return source


def update_source(*, source: DataSource, body: SourceBody, actor: User) -> DataSource:
    """Make the source as the body says. Raises InvalidDefinition and SourceNotFound."""
    with transaction.atomic():
        locked = _lock(source)
        before = (locked.slug, locked.kind, locked.location, locked.encrypted_url)
        _set(locked, body)
        after = (locked.slug, locked.kind, locked.location, locked.encrypted_url)
        names = ("slug", "kind", "location", "url")
        changed = [name for name, old, new in zip(names, before, after, strict=True) if old != new]
        if changed:
            if set(changed) != {"slug"}:
                locked.checked_at, locked.fault = None, ""
            _save(locked)
            _record(Action.SOURCE_UPDATE, locked, actor, changed=changed, kind=locked.kind, location=locked.location)
    return locked


def delete_source(*, source: DataSource, actor: User) -> None:
    """Delete the source. Raises SourceInUse if a report, a choices query or a recipients' query uses it."""
    with transaction.atomic():
        locked = _lock(source)
        entry = copy.copy(locked)
        locked.delete()
        _record(Action.SOURCE_DELETE, entry, actor, kind=entry.kind, location=entry.location)


def test_source(*, source: DataSource, actor: User) -> SourceCheck:
    """Ask whether the source answers, and keep the outcome unless the source was changed meanwhile.

    Raises DryRunBusy, and SourceNotFound if it was deleted meanwhile.
    """
    found = _check(source, actor)
    with transaction.atomic():
        if _place(_lock(source)) == _place(source):
            DataSource.objects.filter(pk=source.pk).update(checked_at=Now(), fault=found.error[:500])
        _record(Action.SOURCE_TEST, source, actor, fault=found.error)
        source.refresh_from_db(fields=["checked_at", "fault"])
    return found


def test_unsaved(*, source: DataSource, body: SourceBody, actor: User) -> SourceCheck:
    """Ask whether the source would answer if it were as the body says. Raises InvalidDefinition and DryRunBusy."""
    draft = copy.copy(source)
    _set(draft, body)
    # Before: it connects to where the body says, whatever comes of it.
    with transaction.atomic():
        _record(Action.SOURCE_TEST, draft, actor, kind=draft.kind, location=draft.location, unsaved=True)
    return _check(draft, actor)


def browse_source(*, source: DataSource, search: str, actor: User) -> tasks.SourceTables:
    """Return the tables that `list_tables` finds with this text. Raises DryRunBusy."""
    # PostgreSQL stores no NUL in the audit log, and no name has one.
    search = search.replace("\0", " ")
    with transaction.atomic():
        _record(Action.SOURCE_BROWSE, source, actor, search=search)
    try:
        return run_in_child(tasks.list_tables, source.spec(), search, actor=actor, limits=_TABLES_LIMITS)
    except RunError as error:
        return tasks.SourceTables(fault=error.message)


def _check(source: DataSource, actor: User) -> SourceCheck:
    try:
        return check_source(source.spec(), actor=actor)
    except WrongKey as error:
        return SourceCheck(error.message)


def _set(source: DataSource, body: SourceBody) -> None:
    """Raises InvalidDefinition."""
    source.slug = body.slug
    if errors := set_place(
        source, kind=body.kind, location=body.location or "", url=body.url or "", is_uploads=body.uploads
    ):
        raise invalid_definition(errors)


def _save(source: DataSource) -> None:
    # The database decides, as two requests may find the slug free. The savepoint keeps the transaction usable.
    try:
        with transaction.atomic():
            source.save()
    except IntegrityError:
        raise invalid_definition({"slug": ["Another data source already has this slug."]}) from None


def _place(source: DataSource) -> tuple[str, str, str]:
    return source.kind, source.location, source.encrypted_url


def _lock(source: DataSource) -> DataSource:
    locked = DataSource.objects.select_for_update().filter(pk=source.pk).first()
    if locked is None:
        raise SourceNotFound
    return locked


def _record(action: Action, source: DataSource, actor: User, **details: object) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=source.tenant_id,
        target=("data source", source.pk),
        details={"source": source.slug, **details},
    )
