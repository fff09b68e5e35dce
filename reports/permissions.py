"""Rights on reports, read from the database at the time of the call, and narrowed by the key that it is made with."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.db.models import Exists, OuterRef, Q

from common.ids import uuid_from_db, uuid_to_db
from reports import sql

if TYPE_CHECKING:
    from accounts.models import User
    from reports.models import ReportConfiguration


class Right(StrEnum):
    """What a grant on a report allows; the value is the start of guardian's permission codename."""

    VIEW = "view"
    GENERATE = "generate"

    @property
    def codename(self) -> str:
        return f"{self}_reportconfiguration"


def rights_on(user: User, report_id: UUID | None) -> set[Right]:
    """Return the user's rights on a report of the user's own tenant; none on a deleted one."""
    # No query: Administrators have every right without grants.
    if user.is_administrator:
        return set(Right)
    if not user.key_covers(report_id):
        return set()
    granted = set(Right) if user.is_administrator_without_key else _granted_rights(user, report_id)
    return {right for right in granted if user.key_allows(right)}


def has_everywhere(user: User, right: Right) -> bool:
    """True if the user has the right on every report of the own tenant, deleted ones included, without a grant."""
    if user.is_administrator:
        return True
    is_limited = user.key is None or user.key.reports is not None
    return user.is_administrator_without_key and not is_limited and user.key_allows(right)


def may_generate(user: User, report: ReportConfiguration) -> bool:
    return Right.GENERATE in rights_on(user, report.pk)


class Granted(NamedTuple):
    """The reports on which a user has rights, by right; and those among them that depend on who runs them."""

    ids: dict[Right, set[UUID]]
    caller_bound: set[UUID]


def granted(user: User) -> Granted:
    """Return the reports of the user's tenant on which the user has rights, by role or by name.

    With the key of an Administrator, who needs no grant, all that the key covers.
    """
    found = _all_reports(user) if user.is_administrator_without_key else _grants(user)
    if user.key is None:
        return found
    key = user.key
    ids = {right: key.covered(granted) if key.allows(right) else set() for right, granted in found.ids.items()}
    return Granted(ids, found.caller_bound)


def granted_ids(user: User) -> dict[Right, set[UUID]]:
    """Return the reports on which the user has rights, by right."""
    return granted(user).ids


def has_grant(user: User, right: Right, report_field: str) -> Q:
    """Return the condition that the user has the right on the report to which `report_field` points."""
    if user.key:
        return Q(**{f"{report_field}__in": granted_ids(user)[right]})
    # Looked up by name: the models import this module.
    user_grants, role_grants = (
        apps.get_model("reports", name)
        ._default_manager.filter(permission__codename=right.codename)
        .filter(content_object=OuterRef(report_field))
        for name in ("UserGrant", "RoleGrant")
    )
    return Q(Exists(user_grants.filter(user=user))) | Q(Exists(role_grants.filter(group__user=user)))


def _granted_rights(user: User, report_id: UUID | None) -> set[Right]:
    report = uuid_to_db(report_id)
    with connection.cursor() as cursor:
        cursor.execute(sql.RIGHTS_ON_REPORT, [report, user.pk, report, user.pk])
        codenames = {codename for (codename,) in cursor.fetchall()}
    return {right for right in Right if right.codename in codenames}


def _grants(user: User) -> Granted:
    with connection.cursor() as cursor:
        cursor.execute(sql.GRANTED_REPORTS, [user.pk, user.pk, user.tenant_id])
        grants = [(codename, uuid_from_db(report_id), bool(bound)) for codename, report_id, bound in cursor]
    ids = {right: {report_id for codename, report_id, _ in grants if codename == right.codename} for right in Right}
    return Granted(ids, {report_id for _, report_id, is_bound in grants if is_bound})


def _all_reports(user: User) -> Granted:
    reports = apps.get_model("reports", "ReportConfiguration")._default_manager.in_tenant_of(user)
    rows = list(reports.values_list("pk", "is_caller_bound"))
    return Granted({right: {pk for pk, _ in rows} for right in Right}, {pk for pk, is_bound in rows if is_bound})
