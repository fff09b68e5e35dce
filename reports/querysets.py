"""Queries for reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import ExpressionWrapper, Q

from common.compiled_sql import fetch_models
from common.ids import parse_uuid, uuid_to_db
from reports import sql
from reports.exceptions import AmbiguousReport, AmbiguousSource, ReportNotFound, SourceNotFound
from reports.permissions import Right, granted_ids, has_everywhere, has_grant, rights_on

if TYPE_CHECKING:
    from accounts.models import User
    from reports.models import DataSource, ReportConfiguration


class ReportQuerySet(models.QuerySet["ReportConfiguration"]):
    def in_tenant_of(self, user: User) -> ReportQuerySet:
        """Return the reports of the user's tenant; of all tenants for a superuser."""
        return self if user.is_superuser else self.filter(Q(tenant_id=user.tenant_id))

    def granted(self, user: User, right: Right) -> ReportQuerySet:
        """Return the reports on which the user has the right now, by role or by name."""
        reports = self.in_tenant_of(user)
        return reports if has_everywhere(user, right) else reports.filter(has_grant(user, right, "pk"))

    def visible_to(self, user: User) -> ReportQuerySet:
        """Return the reports on which the user has any right."""
        reports = self.in_tenant_of(user)
        if any(has_everywhere(user, right) for right in Right):
            return reports
        # One hand-written statement finds the ids: Django takes long to build a query over both kinds of grants.
        return reports.filter(pk__in=set().union(*granted_ids(user).values()))

    def with_rights(self, user: User) -> ReportQuerySet:
        """Annotate `has_view` and `has_generate`: whether the user has that grant."""
        return self.annotate(
            has_view=ExpressionWrapper(has_grant(user, Right.VIEW, "pk"), models.BooleanField()),
            has_generate=ExpressionWrapper(has_grant(user, Right.GENERATE, "pk"), models.BooleanField()),
        )

    def find(self, user: User, key: str) -> ReportConfiguration:
        """Return the report with this id or slug in the user's tenant.

        Raises ReportNotFound; AmbiguousReport for a superuser, who sees all tenants, when several use the slug.
        """
        uuid = parse_uuid(key)
        if uuid:
            statement, match = sql.FIND_REPORT_BY_ID, uuid_to_db(uuid)
        else:
            # No database takes half of a surrogate pair, and PostgreSQL no NUL, which a URL can contain as %00. No slug
            # has a space.
            statement, match = sql.FIND_REPORT_BY_SLUG, key if key.isascii() and "\0" not in key else " "
        parameters = [match, user.is_superuser, user.tenant_id]
        reports: list[ReportConfiguration] = fetch_models(self.model, statement, parameters)
        if not reports:
            raise ReportNotFound
        if len(reports) > 1:
            raise AmbiguousReport
        return reports[0]

    def find_complete(self, user: User, key: str) -> ReportConfiguration:
        """As `find`, with the current version loaded. Raises ReportNotFound if there is none yet."""
        report = self.find(user, key)
        if report.current_id is None:
            raise ReportNotFound
        report.current = report.version
        return report

    def find_visible(self, user: User, key: str) -> ReportConfiguration:
        """As `find`. Raises PermissionDenied unless the user has a right on the report."""
        report = self.find(user, key)
        if not rights_on(user, report.pk):
            raise PermissionDenied
        return report

    def find_administered(self, user: User, key: str) -> ReportConfiguration:
        """As `find_complete`. Raises PermissionDenied unless the user is an Administrator of the report's tenant."""
        report = self.find_complete(user, key)
        user.check_administers(report.tenant_id)
        return report

    def find_to_run(self, user: User, key: str) -> ReportConfiguration:
        """As `find`, with the current version taken from memory, without a query for it."""
        report = self.find(user, key)
        report.use_cached_version()
        return report


class DataSourceQuerySet(models.QuerySet["DataSource"]):
    def in_tenant_of(self, user: User) -> DataSourceQuerySet:
        """Return the data sources of the user's tenant; of all tenants for a superuser."""
        return self if user.is_superuser else self.filter(tenant=user.tenant_id)

    def find_administered(self, user: User, key: str) -> DataSource:
        """Return the data source with this id or slug in the user's tenant.

        Raises SourceNotFound; AmbiguousSource for a superuser when several tenants use the slug; PermissionDenied
        unless the user is an Administrator.
        """
        uuid = parse_uuid(key)
        match = Q(pk=uuid) if uuid else Q(slug=key.replace("\0", " ").encode("ascii", "replace").decode())
        sources = list(self.in_tenant_of(user).select_related("tenant").filter(match)[:2])
        if not sources:
            raise SourceNotFound
        user.check_administers(sources[0].tenant_id)
        if len(sources) > 1:
            raise AmbiguousSource
        return sources[0]


def report_key(user: User, slug: str, report_id: object) -> str:
    """Return what identifies a report in a URL: the slug, or the id for a superuser, to whom slugs are ambiguous."""
    return str(report_id) if user.is_superuser else slug


def source_key(user: User, source: DataSource) -> str:
    """Return what identifies a data source in a URL: the slug; the id for a superuser, or if a page has the slug."""
    return str(source.pk) if user.is_superuser or source.slug == "new" else source.slug
