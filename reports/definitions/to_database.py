"""Creating, updating and deleting one report by its definition, within the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from guardian.shortcuts import assign_perm, remove_perm

from accounts.models import Tenant, User
from accounts.roles import role_group
from audit.actions import actor_name
from reports.choices.queries import ParameterChoices, parents_first, used_names
from reports.definitions import GrantsDefinition, ReportDefinition, query_errors
from reports.definitions.errors import FieldErrors, invalid_definition, join_path
from reports.definitions.field_types import user_of
from reports.definitions.from_database import definition_of, reload_report, stored_grants
from reports.definitions.queries import definition_caller_names
from reports.exceptions import ReportNotFound
from reports.models import DataSource, ReportConfiguration, ReportVersion
from reports.parameters.caller import known_names
from reports.parameters.declarations import ChoicesQuery, Parameter
from reports.permissions import Right
from reports.targets.models import DeliveryTarget

#: Columns of a version that are fields of the definition.
_VERSION_FIELDS = (
    "name", "description", "query", "parameters", "formats", "timeout_seconds", "max_rows", "max_running",
    "max_attempts", "retention_days", "deliver",
)  # fmt: skip


def create_report(definition: ReportDefinition, tenant: Tenant, actor: User | str) -> ReportConfiguration:
    """Create the report and its version 1. Raises InvalidDefinition, also if the slug is taken."""
    sources = check_definition(definition, tenant)
    report = ReportConfiguration(tenant=tenant, slug=definition.slug, folder=definition.folder)
    report.tags = definition.tags
    _save_slug(report)
    _lock_sources(sources)
    _add_version(report, definition, sources, actor)
    _set_grants(report, definition.grants)
    return report


def update_report(report: ReportConfiguration, definition: ReportDefinition, actor: User | str) -> list[str]:
    """Make the report match the definition. Return the names of the changed fields. Raises InvalidDefinition.

    The report must be locked, and loaded as by `lock_report`.
    """
    if definition.tenant != report.tenant.slug:
        raise invalid_definition({"tenant": ["A report can't move to another tenant."]})
    stored = definition_of(report)
    if "deliver" not in definition.model_fields_set:
        # Files of before this field mustn't stop the deliveries of their reports.
        definition = definition.model_copy(update={"deliver": stored.deliver})
    changed = _changed_fields(stored, definition)
    if not changed:
        return []
    sources = check_definition(definition, report.tenant)
    if "slug" in changed:
        report.slug = definition.slug
        _save_slug(report)
    if not {"folder", "tags"}.isdisjoint(changed):
        report.folder, report.tags = definition.folder, definition.tags
        report.save(update_fields=["folder", "tag_lines"])
    if set(changed) - ReportDefinition.UNVERSIONED:
        _lock_sources(sources)
        _add_version(report, definition, sources, actor)
    if "grants" in changed:
        _set_grants(report, definition.grants)
    return changed


def lock_report(report: ReportConfiguration) -> ReportConfiguration:
    """Return the report as it is now, locked until the transaction ends. Raises ReportNotFound."""
    row = ReportConfiguration.objects.filter(pk=report.pk)
    # A separate statement: after waiting for the lock, PostgreSQL reads the locked row again but not the rows joined
    # to it, and would return the report without its version.
    if row.select_for_update(no_key=True).first() is None:
        raise ReportNotFound
    return reload_report(report)


class Sources(NamedTuple):
    """The data sources that a definition names: the report's, and those of choices queries by slug."""

    report: DataSource
    choices: Mapping[str, DataSource]

    def dialects(self) -> dict[str | None, str]:
        """Return the SQL dialects by slug; None is the report's."""
        return {None: self.report.dialect} | {slug: source.dialect for slug, source in self.choices.items()}

    def of_choices(self, query: ChoicesQuery) -> DataSource:
        return self.report if query.data_source is None else self.choices[query.data_source]

    def parameter_choices(self, definition: ReportDefinition) -> list[ParameterChoices]:
        """Return the definition's choices queries, parents first. Raises WrongKey."""
        declared = {each.name: each.declaration() for each in definition.parameters}
        found = []
        for parameter in declared.values():
            if query := parameter.choices_query:
                spec = self.of_choices(query).spec()
                parents = tuple(declared[name] for name in used_names(parameter, spec.dialect) if name in declared)
                found.append(ParameterChoices(parameter=parameter, query=query.query, source=spec, parents=parents))
        return parents_first(found)


def check_definition(definition: ReportDefinition, tenant: Tenant) -> Sources:
    """Return the definition's data sources. Raises InvalidDefinition with all errors that only the database can show.

    Changes nothing.
    """
    errors = _missing_users(definition.grants, tenant)
    named = {
        f"parameters[{at}].choices_query.data_source": parameter.choices_query.data_source
        for at, parameter in enumerate(definition.parameters)
        if parameter.choices_query and parameter.choices_query.data_source is not None
    }
    named["data_source"] = definition.data_source
    stored = {source.slug: source for source in DataSource.objects.filter(tenant=tenant, slug__in=set(named.values()))}
    for path, slug in named.items():
        if slug not in stored:
            errors[path] = [f"Data source {slug} does not exist in this tenant."]
    source = stored.get(definition.data_source)
    if source is None:
        raise invalid_definition(errors)
    dialects = {slug: other.dialect for slug, other in stored.items()}
    errors |= query_errors(definition, source.dialect, dialects, known_names(tenant.attributes))
    if errors:
        raise invalid_definition(errors)
    return Sources(source, stored)


def _lock_sources(sources: Sources) -> None:
    """Keep the sources from being deleted until the transaction ends. Raises InvalidDefinition if one was."""
    named = {source.pk: source.slug for source in [sources.report, *sources.choices.values()]}
    rows = DataSource.objects.select_for_update(no_key=True).filter(pk__in=named).order_by("pk")
    if gone := set(named) - set(rows.values_list("pk", flat=True)):
        slugs = ", ".join(sorted(named[source_id] for source_id in gone))
        raise invalid_definition({"data_source": [f"Data source {slugs} does not exist in this tenant."]})


def _changed_fields(before: ReportDefinition, after: ReportDefinition) -> list[str]:
    old, new = before.entry(), after.entry()
    # The order of grants has no meaning.
    old["grants"] = {right: set(principals) for right, principals in old["grants"].items()}
    new["grants"] = {right: set(principals) for right, principals in new["grants"].items()}
    return [name for name in ReportDefinition.model_fields if old[name] != new[name]]


def _save_slug(report: ReportConfiguration) -> None:
    # The database decides: two requests may check at the same time and both find the slug free. The savepoint keeps the
    # caller's transaction usable on PostgreSQL.
    try:
        with transaction.atomic():
            report.save()
    except IntegrityError:
        raise invalid_definition({"slug": ["Another report already has this slug."]}) from None


def _add_version(
    report: ReportConfiguration, definition: ReportDefinition, sources: Sources, actor: User | str
) -> None:
    entry = definition.entry()
    entry["parameters"] = [_stored_parameter(parameter.declaration(), sources) for parameter in definition.parameters]
    version = ReportVersion.objects.create(
        report=report,
        number=report.version.number + 1 if report.current else 1,
        data_source=sources.report,
        created_by=actor_name(actor),
        caller_names=definition_caller_names(definition, sources.dialects()),
        options=definition.options(),
        **{name: entry[name] for name in _VERSION_FIELDS},
    )
    DeliveryTarget.objects.bulk_create(
        DeliveryTarget(
            version=version,
            kind=target["kind"],
            mode=target.get("mode", ""),
            options={name: value for name, value in target.items() if name not in ("kind", "mode")},
        )
        for target in entry["delivery"]
    )
    report.current = version
    report.is_caller_bound = report.is_caller_bound or bool(version.caller_names)
    report.save(update_fields=["current", "is_caller_bound"])


def _stored_parameter(parameter: Parameter, sources: Sources) -> dict[str, object]:
    """Return the parameter as a version keeps it: with the id of a data source, and with parents."""
    query = parameter.choices_query
    if query is None:
        return parameter.to_dict()
    source = sources.of_choices(query)
    stored = replace(
        query,
        data_source=None if query.data_source is None else str(source.pk),
        parents=tuple(used_names(parameter, source.dialect)),
    )
    return replace(parameter, choices_query=stored).to_dict()


def _missing_users(grants: GrantsDefinition, tenant: Tenant) -> FieldErrors:
    """Return an error for each granted user who is not in the tenant."""
    granted = [
        (join_path("grants", f"{right}[{at}]"), username)
        for right in Right
        for at, username in enumerate(map(user_of, getattr(grants, right)))
        if username is not None
    ]
    if not granted:
        return {}
    names = {username for _, username in granted}
    existing = set(User.objects.filter(tenant=tenant, username__in=names).values_list("username", flat=True))
    return {
        path: [f"User {username} does not exist in this tenant."]
        for path, username in granted
        if username not in existing
    }


def _set_grants(report: ReportConfiguration, grants: GrantsDefinition) -> None:
    """Give exactly these rights. Roles are created if they don't exist; `check_definition` has checked the users."""
    stored = stored_grants(report)
    for right in Right:
        before, after = set(getattr(stored, right)), set(getattr(grants, right))
        for principal in sorted(before - after):
            remove_perm(right.codename, _holder(principal, report.tenant), report)
        for principal in sorted(after - before):
            assign_perm(right.codename, _holder(principal, report.tenant), report)


def _holder(principal: str, tenant: Tenant) -> User | Group:
    username = user_of(principal)
    if username is None:
        return role_group(tenant, principal)
    return User.objects.get(username=username)
