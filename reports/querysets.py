"""Queries over reports: who may do what with which."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist
from django.db import connection, models
from django.db.models import Exists, ExpressionWrapper, OuterRef, Q
from django.db.models.sql import Query

from common.compiled_sql import Statement, params
from common.ids import parse_uuid, uuid_from_db, uuid_to_db
from reports.exceptions import AmbiguousReport, ReportNotFound

if TYPE_CHECKING:
    from accounts.models import User
    from reports.models import ReportConfiguration, ReportVersion

# Written by hand, as nearly every call of the API asks them: Django needs five times as long to put such statements
# together as the database needs to answer them.
_REPORT = """
    select * from reports_reportconfiguration
    where {column} = %s and (%s or tenant_id = %s) limit 2
"""
_RIGHTS = """
    select codename from auth_permission
    where id in (select permission_id from reports_usergrant where content_object_id = %s and user_id = %s)
    or id in (
        select permission_id from reports_rolegrant
        join accounts_user_groups on accounts_user_groups.group_id = reports_rolegrant.group_id
        where content_object_id = %s and accounts_user_groups.user_id = %s
    )
"""
_GRANTED = """
    select codename, content_object_id from (
        select permission_id, content_object_id from reports_usergrant where user_id = %s
        union
        select permission_id, content_object_id from reports_rolegrant
        join accounts_user_groups on accounts_user_groups.group_id = reports_rolegrant.group_id
        where accounts_user_groups.user_id = %s
    ) held
    join auth_permission on auth_permission.id = held.permission_id
    join reports_reportconfiguration on reports_reportconfiguration.id = held.content_object_id
    where reports_reportconfiguration.tenant_id = %s
"""


class Right(StrEnum):
    """What a grant on a report allows; the value is the start of guardian's permission codename."""

    VIEW = "view"
    GENERATE = "generate"

    @property
    def codename(self) -> str:
        return f"{self}_reportconfiguration"


class ReportQuerySet(models.QuerySet["ReportConfiguration"]):
    """Reports."""

    def in_tenant_of(self, user: User) -> ReportQuerySet:
        """The reports that exist as far as this user can know."""
        return self if user.is_superuser else self.filter(Q(tenant_id=user.tenant_id))

    def granted(self, user: User, right: Right) -> ReportQuerySet:
        """The reports on which the user has the right now, by a role or by name."""
        reports = self.in_tenant_of(user)
        return reports if user.is_administrator else reports.filter(has_grant(user, right, "pk"))

    def visible_to(self, user: User) -> ReportQuerySet:
        """The reports that the user may look at: to run them, or to watch their jobs."""
        reports = self.in_tenant_of(user)
        if user.is_administrator:
            return reports
        return reports.filter(pk__in=set().union(*granted_ids(user).values()))

    def with_rights(self, user: User) -> ReportQuerySet:
        """With `has_view` and `has_generate`: whether the user has that grant on each, in the same query."""
        return self.annotate(
            has_view=ExpressionWrapper(has_grant(user, Right.VIEW, "pk"), models.BooleanField()),
            has_generate=ExpressionWrapper(has_grant(user, Right.GENERATE, "pk"), models.BooleanField()),
        )

    def find(self, user: User, key: str) -> ReportConfiguration:
        """The report of this id or slug in the user's tenant; ReportNotFound for anything else.

        A superuser has all tenants, which may use a slug each: AmbiguousReport.
        """
        uuid = parse_uuid(key)
        # PostgreSQL refuses to compare with a NUL character, which an address can spell as %00.
        match = uuid_to_db(uuid) if uuid else key.replace("\0", " ")
        statement = _REPORT.format(column="id" if uuid else "slug")
        found = list(self.raw(statement, [match, user.is_superuser, user.tenant_id]))
        if not found:
            raise ReportNotFound
        if len(found) > 1:
            raise AmbiguousReport
        return found[0]

    def find_complete(self, user: User, key: str) -> ReportConfiguration:
        """As find, with its version; ReportNotFound also before there is one."""
        report = self.find(user, key)
        if report.current_id is None:
            raise ReportNotFound
        report.current = report.version
        return report

    def find_to_run(self, user: User, key: str) -> ReportConfiguration:
        """As find, for those who only make jobs of it: its version is kept in memory, as no version changes."""
        report = self.find(user, key)
        try:
            report.current = cached_version(report.current_id) if report.current_id else None
        except ObjectDoesNotExist:  # deleted since
            raise ReportNotFound from None
        return report


def report_key(user: User, slug: str, report_id: object) -> str:
    """What names a report in an address, for `find`. Superusers get the id: to them slugs of all tenants are alike."""
    return str(report_id) if user.is_superuser else slug


def granted_ids(user: User) -> dict[Right, set[UUID]]:
    """The reports of the user's tenant on which the user has each right now, by a role or by name."""
    with connection.cursor() as cursor:
        cursor.execute(_GRANTED, [user.pk, user.pk, user.tenant_id])
        held = [(codename, uuid_from_db(report)) for codename, report in cursor]
    return {right: {report for codename, report in held if codename == right.codename} for right in Right}


def rights_on(user: User, report_id: UUID | None) -> set[Right]:
    """The rights that the user has on a report of the own tenant now; none on one that was deleted."""
    if user.is_administrator:
        return set(Right)
    report = uuid_to_db(report_id)
    with connection.cursor() as cursor:
        cursor.execute(_RIGHTS, [report, user.pk, report, user.pk])
        held = {codename for (codename,) in cursor.fetchall()}
    return {right for right in Right if right.codename in held}


def has_grant(user: User, right: Right, report: str) -> Q:
    """Condition: the user has the right on the report that the field `report` points to."""
    by_name = _grants("UserGrant", right, report).filter(user=user)
    by_role = _grants("RoleGrant", right, report).filter(group__user=user)
    return Q(Exists(by_name)) | Q(Exists(by_role))


@lru_cache(maxsize=100)
def cached_version(key: int) -> ReportVersion:
    """The version with this primary key; what it holds itself never changes, unlike the data source it points to."""
    versions = apps.get_model("reports", "ReportVersion")._default_manager
    return versions.get(pk=key)


def goes_out(key: int) -> bool:
    """Whether results of the version with this primary key leave the house; those of a deleted one don't."""
    try:
        return cached_version(key).goes_out
    except ObjectDoesNotExist:
        return False


def version_with_source(key: int | None) -> ReportVersion | None:
    """The version with this primary key, with its data source as it is now; None when it was deleted."""
    for version in _VERSION.fetch(id=key):
        found = _SOURCE.fetch(id=version.data_source_id)
        version.data_source = found[0] if found else None
        return version  # type: ignore[no-any-return]
    return None


def _by_key(name: str) -> Statement:
    def build() -> Query:
        model = apps.get_model("reports", name)
        found: Query = model._default_manager.filter(**params(model, "id")).order_by().query
        return found

    return Statement(build)


_VERSION, _SOURCE = _by_key("ReportVersion"), _by_key("DataSource")


def _grants(model: str, right: Right, report: str) -> models.QuerySet[models.Model]:
    grants = apps.get_model("reports", model)._default_manager
    held = grants.filter(permission__codename=right.codename)
    return held.filter(content_object=OuterRef(report))  # type: ignore[no-any-return]
