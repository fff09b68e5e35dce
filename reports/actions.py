"""Everything that changes reports: each in one transaction with its audit entries, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from guardian.shortcuts import assign_perm, remove_perm

from accounts.models import Tenant, User
from audit import actions as audit
from audit.models import Action
from reports import template_checks
from reports.check import Checked, check, timed
from reports.definitions import Definitions, GrantsDefinition, ReportDefinition, merge_patch, parse_report, query_faults
from reports.definitions.faults import Faults, faults_in, invalid, joined
from reports.definitions.stored import definition_of, fingerprint, grants_of, with_definition, with_definitions
from reports.definitions.sync import (
    Sync,
    prune_sources,
    prune_users,
    sync_sources,
    sync_tenants,
    sync_users,
    wait_for_other_runs,
)
from reports.definitions.values import user_of
from reports.exceptions import InvalidDefinition, ReportChanged, ReportNotFound, VersionNotFound
from reports.models import DataSource, DeliveryTarget, ReportConfiguration, ReportVersion
from reports.preview import preview
from reports.querysets import Right
from reports.subject import Subject

__all__ = [
    "apply", "check_definition", "create_report", "definition_of", "delete_report", "look_at_report", "patch_report",
    "restore_version", "set_grants", "update_report",
]  # fmt: skip

_TAKEN = "There is a report with this slug already."
_MAX_AUDITED = 200
_MAX_AUDITED_QUERY = 4_000


@dataclass(frozen=True)
class _Entry:
    """An audit entry to be. Writing one makes every other writer of the log wait, so it comes last."""

    action: Action
    tenant_id: int | None
    target: tuple[str, object]
    details: Mapping[str, object]


def create_report(*, definition: ReportDefinition, tenant: Tenant, actor: User | str) -> ReportConfiguration:
    """Make a report and its version 1. Raises InvalidDefinition, also for a slug that is taken."""
    template_checks.check(None, definition, tenant)
    with transaction.atomic():
        report, entry = _create(definition, tenant, actor)
        _record([entry], actor)
    return report


def update_report(
    *, report: ReportConfiguration, definition: ReportDefinition, actor: User | str, seen: str | None = None
) -> ReportConfiguration:
    """Make the report what the definition says, with a new version if that is a change. Raises InvalidDefinition.

    `seen` is the fingerprint of the definition that the change began from: ReportChanged when that is not the
    report's any more.
    """
    template_checks.check(definition_of(report), definition, report.tenant)
    with transaction.atomic():
        locked = _locked(report)
        if seen is not None and seen != fingerprint(definition_of(locked)):
            raise ReportChanged
        entries, _ = _update(locked, definition, actor)
        _record(entries, actor)
        locked.refresh_from_db()
    return locked


def patch_report(*, report: ReportConfiguration, patch: Mapping[str, Any], actor: User | str) -> ReportConfiguration:
    """Change what a JSON merge patch names. Merged under the lock: two patches of different fields both take effect."""
    before = definition_of(report)
    template_checks.check(before, parse_report(merge_patch(before.entry(), patch)), report.tenant)
    with transaction.atomic():
        locked = _locked(report)
        definition = parse_report(merge_patch(definition_of(locked).entry(), patch))
        entries, _ = _update(locked, definition, actor)
        _record(entries, actor)
        locked.refresh_from_db()
    return locked


def restore_version(*, report: ReportConfiguration, number: int, actor: User | str) -> ReportConfiguration:
    """Make a new version that is as that one was; slug and grants stay. Raises VersionNotFound, InvalidDefinition."""
    with transaction.atomic():
        locked = _locked(report)
        version = locked.versions.filter(number=number).first()
        if version is None:
            raise VersionNotFound
        entries, _ = _update(locked, parse_report(definition_of(locked, version).entry()), actor)
        _record(entries, actor)
        locked.refresh_from_db()
    return locked


def check_definition(definition: ReportDefinition, tenant: Tenant) -> DataSource:
    """The data source that the definition names. Raises InvalidDefinition as saving it would; changes nothing."""
    return _checked(definition, tenant)


def look_at_report(
    *, report: ReportConfiguration, subject: Subject, given: Mapping[str, object], actor: User, with_rows: bool
) -> Checked:
    """What the data source says of it and, if asked for, the first rows, for the actor, who administers the report.

    Rows leave the server: that is written down first. Raises InvalidParameters.
    """
    found = timed(check(subject, given), report)
    if found.faults or not with_rows:
        return found
    with transaction.atomic():
        details = {"report": report.slug, "query": subject.query[:_MAX_AUDITED_QUERY]}
        entry = _Entry(Action.REPORT_PREVIEW, report.tenant_id, ("report", report.pk), details)
        _record([entry], actor)
    return replace(found, preview=preview(subject, given))


def delete_report(*, report: ReportConfiguration, actor: User | str) -> None:
    """Delete the report with its versions and grants. Its jobs stay, and say that the report is gone."""
    with transaction.atomic():
        _record([_delete(_locked(report))], actor)


def set_grants(*, report: ReportConfiguration, grants: GrantsDefinition, tenant: Tenant) -> None:
    """Give exactly these rights on the report. Roles are made when missing; a user has to be of the tenant.

    Raises InvalidDefinition. Leaves no audit entry: what calls it does.
    """
    users, faults = _users_named(grants, tenant)
    if faults:
        raise invalid(faults)
    present = grants_of(report)
    with transaction.atomic():
        for right in Right:
            before, after = set(getattr(present, right)), set(getattr(grants, right))
            for principal in sorted(before - after):
                remove_perm(right.codename, _holder(principal, users), report)
            for principal in sorted(after - before):
                assign_perm(right.codename, _holder(principal, users), report)


def apply(
    *,
    definitions: Definitions,
    actor: User | str,
    prune: bool = False,
    dry_run: bool = False,
    env: Mapping[str, str] = os.environ,
) -> list[str]:
    """Make the database match the definitions; returns the differences as sentences, none when it did already.

    `prune` also deletes what the definitions no longer have in the tenants listed in them; `dry_run` changes nothing.
    Raises InvalidDefinition with every fault by path; then nothing was changed.
    """
    sync = Sync(env=env, faults=template_checks.faults_in(definitions, env))
    with transaction.atomic():
        # All rows are changed before the first audit entry is written: a worker holds its job's row and then waits
        # for the audit log, so whoever holds the log must not wait for that row.
        entries = _apply(sync, definitions, actor, prune)
        if sync.faults:
            raise invalid(sync.faults)
        if sync.differences:
            _record([*entries, _applied(sync, definitions)], actor)
        if dry_run:
            transaction.set_rollback(True)
    return sync.differences


# --- One report -------------------------------------------------------------------------------------------------------


def _create(definition: ReportDefinition, tenant: Tenant, actor: User | str) -> tuple[ReportConfiguration, _Entry]:
    source = _checked(definition, tenant)
    report = ReportConfiguration(tenant=tenant, slug=definition.slug)
    _save_slug(report)
    _add_version(report, definition, source, actor)
    set_grants(report=report, grants=definition.grants, tenant=tenant)
    return report, _entry(Action.REPORT_CREATE, report, version=1)


def _update(
    report: ReportConfiguration, definition: ReportDefinition, actor: User | str
) -> tuple[list[_Entry], list[str]]:
    """The audit entries of the change, and the names of the changed fields; both empty when there is none."""
    if definition.tenant != report.tenant.slug:
        raise invalid({"tenant": ["A report can't move to another tenant."]})
    changed = _changed(definition_of(report), definition)
    if not changed:
        return [], []
    source = _checked(definition, report.tenant)
    if "slug" in changed:
        report.slug = definition.slug
        _save_slug(report)
    if set(changed) - ReportDefinition.UNVERSIONED:
        _add_version(report, definition, source, actor)
    if "grants" in changed:
        set_grants(report=report, grants=definition.grants, tenant=report.tenant)
    return [_entry(Action.REPORT_UPDATE, report, version=report.version.number, changed=changed)], changed


def _delete(report: ReportConfiguration) -> _Entry:
    entry = _entry(Action.REPORT_DELETE, report)
    report.delete()
    return entry


def _locked(report: ReportConfiguration) -> ReportConfiguration:
    """The report as it is now, kept from other writers until the transaction ends. Raises ReportNotFound."""
    row = ReportConfiguration.objects.filter(pk=report.pk)
    # Locked by a statement of its own: after waiting, PostgreSQL reads the locked row anew, but not the rows joined
    # to it, and would give the report without its version.
    if row.select_for_update(no_key=True).first() is None:
        raise ReportNotFound
    return with_definition(report)


def _checked(definition: ReportDefinition, tenant: Tenant) -> DataSource:
    """The data source of the definition. Raises InvalidDefinition with everything that only the database can tell."""
    _, faults = _users_named(definition.grants, tenant, "grants")
    source = DataSource.objects.filter(tenant=tenant, slug=definition.data_source).first()
    if source is None:
        raise invalid(faults | {"data_source": [f"There is no data source {definition.data_source} in this tenant."]})
    faults |= query_faults(definition, source.dialect)
    if faults:
        raise invalid(faults)
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
        raise invalid({"slug": [_TAKEN]}) from None


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


def _users_named(grants: GrantsDefinition, tenant: Tenant, path: str = "") -> tuple[dict[str, User], Faults]:
    """The users that grants name, by name, and a fault for each that is not in the tenant."""
    names = {name for right in Right for name in map(user_of, getattr(grants, right)) if name}
    users = {user.username: user for user in User.objects.filter(tenant=tenant, username__in=names)} if names else {}
    faults = {
        joined(path, f"{right}[{at}]"): [f"There is no user {name} in this tenant."]
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


# --- All that a file says ---------------------------------------------------------------------------------------------


def _apply(sync: Sync, definitions: Definitions, actor: User | str, prune: bool) -> list[_Entry]:
    wait_for_other_runs()
    rows = ReportConfiguration.objects.filter(tenant__slug__in=_tenants_named(definitions)).order_by("pk")
    locked = list(rows.select_for_update(no_key=True))
    sync_tenants(sync, definitions.tenants)
    sync_users(sync, definitions.users)
    sync_sources(sync, definitions.data_sources)
    if prune:
        prune_users(sync, definitions)
        prune_sources(sync, definitions)
    # Read again: pruning took grants and sources from some, and what is joined may be older than the lock.
    reports = with_definitions(ReportConfiguration.objects.filter(pk__in=[report.pk for report in locked]))
    present = {(report.tenant.slug, report.slug): report for report in reports}
    entries = _apply_reports(sync, definitions.reports, present, actor)
    if prune:
        entries += _prune_reports(sync, definitions, present)
    return entries


def _apply_reports(
    sync: Sync,
    definitions: Iterable[ReportDefinition],
    present: Mapping[tuple[str, str], ReportConfiguration],
    actor: User | str,
) -> list[_Entry]:
    entries: list[_Entry] = []
    for at, definition in enumerate(definitions):
        path = f"reports[{at}]"
        tenant = sync.tenant_of(definition.tenant, f"{path}.tenant")
        if tenant is None:
            continue
        try:
            entries += _apply_report(sync, definition, tenant, present.get((tenant.slug, definition.slug)), actor)
        except InvalidDefinition as error:
            sync.faults |= {joined(path, below): sentences for below, sentences in faults_in(error).items()}
    return entries


def _apply_report(
    sync: Sync, definition: ReportDefinition, tenant: Tenant, report: ReportConfiguration | None, actor: User | str
) -> list[_Entry]:
    name = f"report {definition.slug} in {tenant.slug}"
    if report is None:
        _, entry = _create(definition, tenant, actor)
        sync.differences.append(f"create {name}")
        return [entry]
    entries, changed = _update(report, definition, actor)
    if fields := [field for field in changed if field != "grants"]:
        sync.differences.append(f"update {name}: {', '.join(fields)}")
    if "grants" in changed:
        sync.differences.append(f"change grants of {name}")
    return entries


def _prune_reports(
    sync: Sync, definitions: Definitions, present: Mapping[tuple[str, str], ReportConfiguration]
) -> list[_Entry]:
    tenants = {tenant.slug for tenant in definitions.tenants}
    kept = {(report.tenant, report.slug) for report in definitions.reports}
    gone = [key for key in present if key[0] in tenants and key not in kept]
    sync.differences += [f"delete report {slug} in {tenant}" for tenant, slug in gone]
    return [_delete(present[key]) for key in gone]


# --- Audit ------------------------------------------------------------------------------------------------------------


def _entry(action: Action, report: ReportConfiguration, **details: object) -> _Entry:
    return _Entry(action, report.tenant_id, ("report", report.pk), {"report": report.slug, **details})


def _applied(sync: Sync, definitions: Definitions) -> _Entry:
    """One tenant's Administrators see it; a run over several tenants is for superusers, since it names all of them."""
    slugs = _tenants_named(definitions)
    tenant_id = sync.tenants[slugs[0]].pk if len(slugs) == 1 else None
    details = {"changes": sync.differences[:_MAX_AUDITED], "number": len(sync.differences)}
    return _Entry(Action.DEFINITIONS_APPLY, tenant_id, ("tenants", " ".join(slugs)[:100]), details)


def _tenants_named(definitions: Definitions) -> list[str]:
    slugs = {tenant.slug for tenant in definitions.tenants}
    slugs |= {user.tenant for user in definitions.users}
    slugs |= {source.tenant for source in definitions.data_sources}
    return sorted(slugs | {report.tenant for report in definitions.reports})


def _record(entries: Iterable[_Entry], actor: User | str) -> None:
    for entry in entries:
        audit.record(entry.action, actor=actor, tenant_id=entry.tenant_id, target=entry.target, details=entry.details)
