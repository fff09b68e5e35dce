"""Everything that changes reports: each in one transaction with its audit entries, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.db import transaction

from accounts.models import Tenant, User
from audit.models import Action
from reports.definitions import Definitions, ReportDefinition, merge_patch, parse_report, to_database
from reports.definitions.errors import errors_in, invalid_definition, join_path
from reports.definitions.from_database import definition_of, fingerprint, prefetch_definitions
from reports.definitions.sync import (
    Sync,
    prune_sources,
    prune_users,
    sync_sources,
    sync_tenants,
    sync_users,
    wait_for_other_runs,
)
from reports.definitions.to_database import Entry
from reports.documents.compiler import CompiledDocument
from reports.dry_run import template_checks
from reports.dry_run.check import CheckResult, check
from reports.dry_run.document_preview import preview_document
from reports.dry_run.row_preview import preview_rows
from reports.dry_run.run_time_estimate import with_run_times
from reports.dry_run.target import DryRunTarget
from reports.exceptions import InvalidDefinition, ReportChanged, VersionNotFound
from reports.models import ReportConfiguration

_MAX_AUDITED = 200
_MAX_AUDITED_QUERY = 4_000


def create_report(*, definition: ReportDefinition, tenant: Tenant, actor: User | str) -> ReportConfiguration:
    """Make a report and its version 1. Raises InvalidDefinition, also for a slug that is taken."""
    template_checks.check_template(None, definition, tenant)
    with transaction.atomic():
        report, entry = to_database.create(definition, tenant, actor)
        to_database.record([entry], actor)
    return report


def update_report(
    *,
    report: ReportConfiguration,
    definition: ReportDefinition,
    actor: User | str,
    expected_fingerprint: str | None = None,
) -> ReportConfiguration:
    """Make the report what the definition says, with a new version if that is a change. Raises InvalidDefinition.

    `expected_fingerprint` is that of the definition the change is based on; ReportChanged if the report differs from it
    by now.
    """
    template_checks.check_template(definition_of(report), definition, report.tenant)
    with transaction.atomic():
        locked = to_database.locked(report)
        if expected_fingerprint is not None and expected_fingerprint != fingerprint(definition_of(locked)):
            raise ReportChanged
        return _updated(locked, definition, actor)


def patch_report(*, report: ReportConfiguration, patch: Mapping[str, Any], actor: User | str) -> ReportConfiguration:
    """Change what a JSON merge patch names. Merged under the lock: two patches of different fields both take effect."""
    before = definition_of(report)
    template_checks.check_template(before, parse_report(merge_patch(before.entry(), patch)), report.tenant)
    with transaction.atomic():
        locked = to_database.locked(report)
        definition = parse_report(merge_patch(definition_of(locked).entry(), patch))
        return _updated(locked, definition, actor)


def restore_version(*, report: ReportConfiguration, number: int, actor: User | str) -> ReportConfiguration:
    """Make a new version that is as that one was; slug and grants stay. Raises VersionNotFound, InvalidDefinition."""
    with transaction.atomic():
        locked = to_database.locked(report)
        version = locked.versions.filter(number=number).first()
        if version is None:
            raise VersionNotFound
        return _updated(locked, parse_report(definition_of(locked, version).entry()), actor)


def _updated(locked: ReportConfiguration, definition: ReportDefinition, actor: User | str) -> ReportConfiguration:
    entries, _ = to_database.update(locked, definition, actor)
    to_database.record(entries, actor)
    locked.refresh_from_db()
    return locked


def dry_run_report(
    *,
    report: ReportConfiguration,
    target: DryRunTarget,
    parameters: Mapping[str, object],
    actor: User,
    with_preview: bool,
) -> CheckResult:
    """What the data source says of it and, if asked for, the first rows, for the actor, who administers the report.

    Rows leave the server: that is written down first. Raises InvalidParameters.
    """
    result = with_run_times(check(target, parameters), report)
    if result.errors or not with_preview:
        return result
    _record_look(report, target, actor)
    return replace(result, preview=preview_rows(target, parameters))


def preview_report_document(
    *, report: ReportConfiguration, target: DryRunTarget, parameters: Mapping[str, object], actor: User, ppi: int
) -> CompiledDocument:
    """The pages of its document with the first rows, as pictures, for the actor, who administers the report.

    Rows leave the server: that is written down first. Raises InvalidParameters, and what preview_document raises.
    """
    values = target.typed_values(parameters)
    _record_look(report, target, actor, document=True)
    return preview_document(target, values, ppi=ppi)


def delete_report(*, report: ReportConfiguration, actor: User | str) -> None:
    """Delete the report with its versions and grants. Its jobs stay, and say that the report is gone."""
    with transaction.atomic():
        to_database.record([to_database.delete(to_database.locked(report))], actor)


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
    sync = Sync(env=env, faults=template_checks.template_errors_in(definitions, env))
    with transaction.atomic():
        # All rows are changed before the first audit entry is written: a worker holds its job's row and then waits
        # for the audit log, so whoever holds the log must not wait for that row.
        entries = _apply(sync, definitions, actor, prune)
        if sync.faults:
            raise invalid_definition(sync.faults)
        if sync.differences:
            to_database.record([*entries, _applied(sync, definitions)], actor)
        if dry_run:
            transaction.set_rollback(True)
    return sync.differences


# --- All that a file says ---------------------------------------------------------------------------------------------


def _apply(sync: Sync, definitions: Definitions, actor: User | str, prune: bool) -> list[Entry]:
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
    reports = prefetch_definitions(ReportConfiguration.objects.filter(pk__in=[report.pk for report in locked]))
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
) -> list[Entry]:
    entries: list[Entry] = []
    for at, definition in enumerate(definitions):
        path = f"reports[{at}]"
        tenant = sync.tenant_of(definition.tenant, f"{path}.tenant")
        if tenant is None:
            continue
        try:
            entries += _apply_report(sync, definition, tenant, present.get((tenant.slug, definition.slug)), actor)
        except InvalidDefinition as error:
            sync.faults |= {join_path(path, below): sentences for below, sentences in errors_in(error).items()}
    return entries


def _apply_report(
    sync: Sync, definition: ReportDefinition, tenant: Tenant, report: ReportConfiguration | None, actor: User | str
) -> list[Entry]:
    name = f"report {definition.slug} in {tenant.slug}"
    if report is None:
        _, entry = to_database.create(definition, tenant, actor)
        sync.differences.append(f"create {name}")
        return [entry]
    entries, changed = to_database.update(report, definition, actor)
    if fields := [field for field in changed if field != "grants"]:
        sync.differences.append(f"update {name}: {', '.join(fields)}")
    if "grants" in changed:
        sync.differences.append(f"change grants of {name}")
    return entries


def _prune_reports(
    sync: Sync, definitions: Definitions, present: Mapping[tuple[str, str], ReportConfiguration]
) -> list[Entry]:
    tenants = {tenant.slug for tenant in definitions.tenants}
    kept = {(report.tenant, report.slug) for report in definitions.reports}
    gone = [key for key in present if key[0] in tenants and key not in kept]
    sync.differences += [f"delete report {slug} in {tenant}" for tenant, slug in gone]
    return [to_database.delete(present[key]) for key in gone]


# --- Audit ------------------------------------------------------------------------------------------------------------


def _applied(sync: Sync, definitions: Definitions) -> Entry:
    """One tenant's Administrators see it; a run over several tenants is for superusers, since it names all of them."""
    slugs = _tenants_named(definitions)
    tenant_id = sync.tenants[slugs[0]].pk if len(slugs) == 1 else None
    details = {"changes": sync.differences[:_MAX_AUDITED], "number": len(sync.differences)}
    return Entry(Action.DEFINITIONS_APPLY, tenant_id, ("tenants", " ".join(slugs)[:100]), details)


def _record_look(report: ReportConfiguration, subject: DryRunTarget, actor: User, **details: object) -> None:
    entry = to_database.entry_of(Action.REPORT_PREVIEW, report, query=subject.query[:_MAX_AUDITED_QUERY], **details)
    with transaction.atomic():
        to_database.record([entry], actor)


def _tenants_named(definitions: Definitions) -> list[str]:
    slugs = {tenant.slug for tenant in definitions.tenants}
    slugs |= {user.tenant for user in definitions.users}
    slugs |= {source.tenant for source in definitions.data_sources}
    return sorted(slugs | {report.tenant for report in definitions.reports})
