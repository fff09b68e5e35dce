"""All changes of reports: each in one transaction with its audit entries, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.db import transaction

from accounts.models import Tenant, User
from audit.actions import PendingEntry, record_all
from audit.models import Action
from reports.choices.checked import looks_up_choices
from reports.definitions import Definitions, ReportDefinition, merge_patch, parse_report, to_database
from reports.definitions.accounts_and_sources import (
    Sync,
    prune_sources,
    prune_users,
    sync_sources,
    sync_tenants,
    sync_users,
    wait_for_other_runs,
)
from reports.definitions.errors import errors_in, invalid_definition, join_path
from reports.definitions.file_sections import FileSection, file_sections
from reports.definitions.from_database import definition_of, fingerprint, prefetch_definitions
from reports.definitions.providers.to_database import prune_providers, sync_identities, sync_providers
from reports.definitions.to_database import lock_report
from reports.dry_run import template_checks
from reports.dry_run.check import CheckResult, check
from reports.dry_run.column_checks import check_columns
from reports.dry_run.document_preview import preview_document, preview_html
from reports.dry_run.results import DocumentPreview, HtmlPreview
from reports.dry_run.row_preview import preview_rows
from reports.dry_run.run_time_estimate import with_run_times
from reports.dry_run.target import DryRunTarget
from reports.exceptions import InvalidDefinition, ReportChanged, VersionNotFound
from reports.models import ReportConfiguration, deleting_report

_MAX_AUDITED_DIFFERENCES = 200
_MAX_AUDITED_QUERY = 4_000


def create_report(*, definition: ReportDefinition, tenant: Tenant, actor: User | str) -> ReportConfiguration:
    """Create a report and its version 1. Raises InvalidDefinition, also if the slug is taken."""
    # Before the transaction: compiling a template takes seconds, during which nobody else could write.
    template_checks.check_template(None, definition, tenant, actor=actor)
    check_columns(None, definition, tenant, actor=actor)
    with transaction.atomic():
        report = to_database.create_report(definition, tenant, actor)
        record_all([_report_entry(Action.REPORT_CREATE, report, version=1)], actor)
    return report


def update_report(
    *,
    report: ReportConfiguration,
    definition: ReportDefinition,
    actor: User | str,
    expected_fingerprint: str | None = None,
) -> ReportConfiguration:
    """Make the report match the definition. A change creates a new version. Raises InvalidDefinition.

    `expected_fingerprint` is that of the definition on which the change is based. Raises ReportChanged if the report
    has a different one by now.
    """
    before = definition_of(report)
    template_checks.check_template(before, definition, report.tenant, actor=actor)
    check_columns(before, definition, report.tenant, actor=actor)
    with transaction.atomic():
        locked = lock_report(report)
        if expected_fingerprint is not None and expected_fingerprint != fingerprint(definition_of(locked)):
            raise ReportChanged
        return _update(locked, definition, actor)


def patch_report(*, report: ReportConfiguration, patch: Mapping[str, Any], actor: User | str) -> ReportConfiguration:
    """Apply a JSON merge patch to the report's definition. Raises InvalidDefinition."""
    before = definition_of(report)
    after = parse_report(merge_patch(before.entry(), patch))
    template_checks.check_template(before, after, report.tenant, actor=actor)
    check_columns(before, after, report.tenant, actor=actor)
    with transaction.atomic():
        # Merged again under the lock: of two patches at the same time, both take effect.
        locked = lock_report(report)
        return _update(locked, parse_report(merge_patch(definition_of(locked).entry(), patch)), actor)


def restore_version(*, report: ReportConfiguration, number: int, actor: User | str) -> ReportConfiguration:
    """Create a new version like an old one. Slug and grants stay. Raises VersionNotFound, InvalidDefinition."""
    with transaction.atomic():
        locked = lock_report(report)
        version = locked.versions.filter(number=number).first()
        if version is None:
            raise VersionNotFound
        return _update(locked, parse_report(definition_of(locked, version).entry()), actor)


def _update(locked: ReportConfiguration, definition: ReportDefinition, actor: User | str) -> ReportConfiguration:
    changed = to_database.update_report(locked, definition, actor)
    if changed:
        record_all([_updated_entry(locked, changed)], actor)
    locked.refresh_from_db()
    return locked


def delete_report(*, report: ReportConfiguration, actor: User | str) -> None:
    """Delete the report with its versions and grants. Its jobs stay."""
    with transaction.atomic():
        locked = lock_report(report)
        entries = _delete_report(locked)
        record_all(entries, actor)


def _delete_report(locked: ReportConfiguration) -> list[PendingEntry]:
    entries = [_report_entry(Action.REPORT_DELETE, locked)]
    answers: list[tuple[Any, Any]] = deleting_report.send(ReportConfiguration, report=locked)
    entries += [entry for _, more in answers for entry in more]
    locked.delete()
    return entries


def dry_run_report(
    *,
    report: ReportConfiguration,
    target: DryRunTarget,
    parameters: Mapping[str, object],
    actor: User,
    with_preview: bool,
    identity: User | None = None,
) -> CheckResult:
    """Ask the data source about the query, and for the first rows if `with_preview`. Raises InvalidParameters.

    `actor` must be an Administrator of the report. Reading rows is audited before they are read, with the user whose
    attributes the target has, if that is another one: `identity`.
    """
    result = with_run_times(check(target, parameters, actor=actor), report)
    if result.errors or not with_preview:
        return result
    somebody_else = {"as": identity.username} if identity and identity != actor else {}
    _record_preview(report, target, actor, **somebody_else)
    return replace(result, previews=preview_rows(target, parameters, actor=actor))


def preview_report_document(
    *, report: ReportConfiguration, target: DryRunTarget, parameters: Mapping[str, object], actor: User, ppi: int
) -> DocumentPreview:
    """Return the pages of the report's document with the first rows, as pictures.

    `actor` must be an Administrator of the report. Reading rows is audited before they are read. Raises
    InvalidParameters and DryRunBusy.
    """
    values = target.typed_values(parameters)
    _record_preview(report, target, actor, document=True)
    return preview_document(target, values, actor=actor, ppi=ppi)


def preview_report_html(
    *, report: ReportConfiguration, target: DryRunTarget, parameters: Mapping[str, object], actor: User
) -> HtmlPreview:
    """Return the report's html document with the first rows. As `preview_report_document`."""
    values = target.typed_values(parameters)
    _record_preview(report, target, actor, document=True)
    return preview_html(target, values, actor=actor)


@looks_up_choices
def apply(
    *,
    definitions: Definitions,
    actor: User | str,
    prune: bool = False,
    dry_run: bool = False,
    env: Mapping[str, str] = os.environ,
) -> list[str]:
    """Make the database match the definitions. Return the differences as sentences; none if it matched already.

    `prune` also deletes what the definitions don't list in the tenants that they list. `dry_run` changes nothing.
    Raises InvalidDefinition with all errors by path, and then changes nothing.
    """
    sync = Sync(env=env, dry_run=dry_run, errors=template_checks.template_errors_in(definitions, env, actor=actor))
    with transaction.atomic():
        # All rows are changed before the first audit entry is written. A worker locks its job's row and then waits for
        # the audit log: a transaction that locked the log first and then waited for that row would deadlock with it.
        entries = _apply(sync, definitions, actor, prune)
        if sync.errors:
            raise invalid_definition(sync.errors)
        if sync.differences:
            record_all([*entries, _applied_entry(sync, definitions)], actor)
        if dry_run:
            transaction.set_rollback(True)
    return sync.differences


def _apply(sync: Sync, definitions: Definitions, actor: User | str, prune: bool) -> list[PendingEntry]:
    wait_for_other_runs()
    # In a fixed order, so that two transactions that lock several reports can't deadlock.
    rows = ReportConfiguration.objects.filter(tenant__slug__in=_tenant_slugs(definitions)).order_by("pk")
    locked = list(rows.select_for_update(no_key=True))
    for section in file_sections():
        section.lock(_tenant_slugs(definitions))
    sync_tenants(sync, definitions.tenants)
    sync_providers(sync, definitions.identity_providers)
    sync_users(sync, definitions.users)
    sync_identities(sync, definitions.users)
    sync_sources(sync, definitions.data_sources)
    entries: list[PendingEntry] = []
    if prune:
        for section in file_sections():
            if not section.prunes_last:
                entries += _prune_section(section, sync, definitions)
        prune_users(sync, definitions)
        prune_providers(sync, definitions)
    # Read again: pruning may have removed grants, and joined rows may be older than the lock.
    reports = prefetch_definitions(ReportConfiguration.objects.filter(pk__in=[report.pk for report in locked]))
    stored = {(report.tenant.slug, report.slug): report for report in reports}
    entries += _apply_reports(sync, definitions.reports, stored, actor)
    if prune:
        entries += _prune_reports(sync, definitions, stored)
        # Only now: reports that change to another source, or are deleted, use it no longer.
        if not sync.errors:
            prune_sources(sync, definitions)
    # What depends on a report that could not be stored would only add errors that follow from the first.
    if not sync.errors:
        for section in file_sections():
            entries += section.sync(sync, definitions.section(section.name), actor)
        for section in file_sections():
            if prune and section.prunes_last:
                entries += _prune_section(section, sync, definitions)
    return entries


def _prune_section(section: FileSection, sync: Sync, definitions: Definitions) -> list[PendingEntry]:
    return section.prune(sync, _listed_tenants(definitions), definitions.section(section.name))


def _apply_reports(
    sync: Sync,
    definitions: Iterable[ReportDefinition],
    stored: Mapping[tuple[str, str], ReportConfiguration],
    actor: User | str,
) -> list[PendingEntry]:
    entries: list[PendingEntry] = []
    for at, definition in enumerate(definitions):
        path = f"reports[{at}]"
        tenant = sync.tenant_of(definition.tenant, f"{path}.tenant")
        if tenant is None:
            continue
        report = stored.get((tenant.slug, definition.slug))
        name = f"report {definition.slug} in {tenant.slug}"
        try:
            if report is None:
                created = to_database.create_report(definition, tenant, actor)
                entries.append(_report_entry(Action.REPORT_CREATE, created, version=1))
                sync.differences.append(f"create {name}")
                continue
            changed = to_database.update_report(report, definition, actor)
        except InvalidDefinition as error:
            sync.errors |= {join_path(path, below): sentences for below, sentences in errors_in(error).items()}
            continue
        if changed:
            entries.append(_updated_entry(report, changed))
        if fields := [field for field in changed if field != "grants"]:
            sync.differences.append(f"update {name}: {', '.join(fields)}")
        if "grants" in changed:
            sync.differences.append(f"change grants of {name}")
    return entries


def _prune_reports(
    sync: Sync, definitions: Definitions, stored: Mapping[tuple[str, str], ReportConfiguration]
) -> list[PendingEntry]:
    tenants = _listed_tenants(definitions)
    kept = {(report.tenant, report.slug) for report in definitions.reports}
    entries: list[PendingEntry] = []
    for (tenant, slug), report in stored.items():
        if tenant in tenants and (tenant, slug) not in kept:
            entries += _delete_report(report)
            sync.differences.append(f"delete report {slug} in {tenant}")
    return entries


def _listed_tenants(definitions: Definitions) -> set[str]:
    return {tenant.slug for tenant in definitions.tenants}


def _tenant_slugs(definitions: Definitions) -> list[str]:
    """All tenants that the definitions mention, sorted."""
    names = ("identity_providers", "users", "data_sources", "reports", *(section.name for section in file_sections()))
    slugs = _listed_tenants(definitions)
    for name in names:
        slugs |= {entry.tenant for entry in definitions.section(name)}
    return sorted(slugs)


# --- Audit ------------------------------------------------------------------------------------------------------------


def _report_entry(action: Action, report: ReportConfiguration, **details: object) -> PendingEntry:
    return PendingEntry(action, report.tenant_id, ("report", report.pk), {"report": report.slug, **details})


def _updated_entry(report: ReportConfiguration, changed: list[str]) -> PendingEntry:
    return _report_entry(Action.REPORT_UPDATE, report, version=report.version.number, changed=changed)


def _applied_entry(sync: Sync, definitions: Definitions) -> PendingEntry:
    """A tenant's Administrators see it. A run over several tenants is for superusers, since it names all of them."""
    slugs = _tenant_slugs(definitions)
    tenant_id = sync.tenants[slugs[0]].pk if len(slugs) == 1 else None
    details = {"changes": sync.differences[:_MAX_AUDITED_DIFFERENCES], "number": len(sync.differences)}
    return PendingEntry(Action.DEFINITIONS_APPLY, tenant_id, ("tenants", " ".join(slugs)[:100]), details)


def _record_preview(report: ReportConfiguration, target: DryRunTarget, actor: User, **details: object) -> None:
    query = target.queries[:_MAX_AUDITED_QUERY]
    with transaction.atomic():
        record_all([_report_entry(Action.REPORT_PREVIEW, report, query=query, **details)], actor)
