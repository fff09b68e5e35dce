"""Changes of one report, within the caller's transaction. Each gives the audit entries that tell of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from guardian.shortcuts import assign_perm, remove_perm

from accounts.models import Tenant, User
from audit import actions as audit
from audit.models import Action
from reports.definitions import GrantsDefinition, ReportDefinition, query_errors
from reports.definitions.errors import FieldErrors, invalid_definition, join_path
from reports.definitions.field_types import user_of
from reports.definitions.from_database import definition_of, grants_of, reload_report
from reports.exceptions import ReportNotFound
from reports.models import DataSource, DeliveryTarget, ReportConfiguration, ReportVersion
from reports.permissions import Right

_TAKEN = "There is a report with this slug already."


@dataclass(frozen=True)
class Entry:
    """An audit entry to be. Writing one makes every other writer of the log wait, so it comes last."""

    action: Action
    tenant_id: int | None
    target: tuple[str, object]
    details: Mapping[str, object]


def entry_of(action: Action, report: ReportConfiguration, **details: object) -> Entry:
    """The entry of something that was done to the report."""
    return Entry(action, report.tenant_id, ("report", report.pk), {"report": report.slug, **details})


def record(entries: Iterable[Entry], actor: User | str) -> None:
    """Write them into the audit log, at the end of the transaction that made the changes."""
    for entry in entries:
        audit.record(entry.action, actor=actor, tenant_id=entry.tenant_id, target=entry.target, details=entry.details)


def create(definition: ReportDefinition, tenant: Tenant, actor: User | str) -> tuple[ReportConfiguration, Entry]:
    """A report with its version 1. Raises InvalidDefinition."""
    source = check_definition(definition, tenant)
    report = ReportConfiguration(tenant=tenant, slug=definition.slug)
    _save_slug(report)
    _add_version(report, definition, source, actor)
    _set_grants(report, definition.grants, tenant)
    return report, entry_of(Action.REPORT_CREATE, report, version=1)


def update(
    report: ReportConfiguration, definition: ReportDefinition, actor: User | str
) -> tuple[list[Entry], list[str]]:
    """Make the report what the definition says. The audit entries of that, and the names of the changed fields; both
    empty when there is none. Raises InvalidDefinition."""
    if definition.tenant != report.tenant.slug:
        raise invalid_definition({"tenant": ["A report can't move to another tenant."]})
    changed = _changed(definition_of(report), definition)
    if not changed:
        return [], []
    source = check_definition(definition, report.tenant)
    if "slug" in changed:
        report.slug = definition.slug
        _save_slug(report)
    if set(changed) - ReportDefinition.UNVERSIONED:
        _add_version(report, definition, source, actor)
    if "grants" in changed:
        _set_grants(report, definition.grants, report.tenant)
    return [entry_of(Action.REPORT_UPDATE, report, version=report.version.number, changed=changed)], changed


def delete(report: ReportConfiguration) -> Entry:
    """Delete the report with its versions and grants."""
    entry = entry_of(Action.REPORT_DELETE, report)
    report.delete()
    return entry


def locked(report: ReportConfiguration) -> ReportConfiguration:
    """The report as it is now, kept from other writers until the transaction ends. Raises ReportNotFound."""
    row = ReportConfiguration.objects.filter(pk=report.pk)
    # Locked by a statement of its own: after waiting, PostgreSQL reads the locked row anew, but not the rows joined
    # to it, and would give the report without its version.
    if row.select_for_update(no_key=True).first() is None:
        raise ReportNotFound
    return reload_report(report)


def check_definition(definition: ReportDefinition, tenant: Tenant) -> DataSource:
    """The data source that the definition names. Raises InvalidDefinition with everything that only the database can
    tell; changes nothing."""
    _, faults = _users_named(definition.grants, tenant, "grants")
    source = DataSource.objects.filter(tenant=tenant, slug=definition.data_source).first()
    if source is None:
        raise invalid_definition(
            faults | {"data_source": [f"There is no data source {definition.data_source} in this tenant."]}
        )
    faults |= query_errors(definition, source.dialect)
    if faults:
        raise invalid_definition(faults)
    return source


def _changed(before: ReportDefinition, after: ReportDefinition) -> list[str]:
    old, new = before.entry(), after.entry()
    old["grants"], new["grants"] = (
        {right: set(d.grants.model_dump()[right]) for right in Right} for d in (before, after)
    )
    return [name for name in ReportDefinition.model_fields if old[name] != new[name]]


def _save_slug(report: ReportConfiguration) -> None:
    try:
        with transaction.atomic():
            report.save()
    except IntegrityError:
        raise invalid_definition({"slug": [_TAKEN]}) from None


def _add_version(
    report: ReportConfiguration, definition: ReportDefinition, source: DataSource, actor: User | str
) -> None:
    entry = definition.entry()
    version = ReportVersion.objects.create(
        report=report,
        number=report.version.number + 1 if report.current else 1,
        data_source=source,
        created_by=actor if isinstance(actor, str) else actor.get_username(),
        options=definition.options(),
        **{name: entry[name] for name in _VERSION_FIELDS},
    )
    DeliveryTarget.objects.bulk_create(_target(version, target) for target in entry["delivery"])
    report.current = version
    report.save(update_fields=["current"])


_VERSION_FIELDS = (
    "name", "description", "query", "parameters", "formats", "timeout_seconds", "max_rows", "max_running",
    "max_attempts", "retention_days",
)  # fmt: skip


def _target(version: ReportVersion, entry: Mapping[str, Any]) -> DeliveryTarget:
    options = {name: value for name, value in entry.items() if name not in ("kind", "mode")}
    return DeliveryTarget(version=version, kind=entry["kind"], mode=entry.get("mode", ""), options=options)


def _users_named(grants: GrantsDefinition, tenant: Tenant, path: str = "") -> tuple[dict[str, User], FieldErrors]:
    """The users that grants name, by name, and a fault for each that is not in the tenant."""
    names = {name for right in Right for name in map(user_of, getattr(grants, right)) if name}
    users = {user.username: user for user in User.objects.filter(tenant=tenant, username__in=names)} if names else {}
    faults = {
        join_path(path, f"{right}[{at}]"): [f"There is no user {name} in this tenant."]
        for right in Right
        for at, name in enumerate(map(user_of, getattr(grants, right)))
        if name is not None and name not in users
    }
    return users, faults


def _holder(principal: str, users: Mapping[str, User]) -> User | Group:
    name = user_of(principal)
    if name is None:
        return Group.objects.get_or_create(name=principal)[0]
    return users.get(name) or User.objects.get(username=name)


def _set_grants(report: ReportConfiguration, grants: GrantsDefinition, tenant: Tenant) -> None:
    """Give exactly these rights on the report. Roles are made when missing; a user has to be of the tenant."""
    users, faults = _users_named(grants, tenant)
    if faults:
        raise invalid_definition(faults)
    present = grants_of(report)
    for right in Right:
        before, after = set(getattr(present, right)), set(getattr(grants, right))
        for principal in sorted(before - after):
            remove_perm(right.codename, _holder(principal, users), report)
        for principal in sorted(after - before):
            assign_perm(right.codename, _holder(principal, users), report)
