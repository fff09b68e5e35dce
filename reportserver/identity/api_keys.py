"""Creating and revoking API keys: each in one transaction with its audit entry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts.api_keys import MAX_DAYS, KeyRight, NewKey
from accounts.exceptions import KeyNotFound, TooManyKeys
from accounts.models import ApiKey, User
from accounts.roles import may_manage
from audit import actions as audit
from audit.actions import actor_name
from audit.models import Action
from jobs.clock import Now
from jobs.sql import now
from reports.definitions.errors import FieldErrors
from reports.exceptions import AmbiguousReport, InvalidParameters, ReportNotFound
from reports.models import ReportConfiguration

#: Keys that one user can have at once.
MAX_KEYS = 50
DEFAULT_RIGHTS = (KeyRight.VIEW, KeyRight.GENERATE)


@dataclass(frozen=True)
class KeyRequest:
    """What somebody asks for: a key of this user. `reports` are slugs or ids; None: all."""

    user: User
    name: str
    expires_at: datetime
    rights: Sequence[str] = DEFAULT_RIGHTS
    reports: Sequence[str] | None = None


def create_key(request: KeyRequest, *, actor: User | str) -> tuple[ApiKey, str]:
    """Create a key. Returns it with its text, which is stored nowhere. Raises InvalidParameters or TooManyKeys."""
    report_ids = _check(request)
    new, user = NewKey.make(), request.user
    key = ApiKey(
        id=new.id,
        user=user,
        name=request.name,
        digest=new.digest,
        rights=[right for right in KeyRight if right in request.rights],
        reports=None if report_ids is None else [str(report_id) for report_id in report_ids],
        created_at=now(),
        created_by=actor_name(actor),
        expires_at=request.expires_at,
        generation=user.session_generation,
    )
    with transaction.atomic():
        User.objects.select_for_update().filter(pk=user.pk).values_list("pk").first()
        if user.api_keys.filter(revoked_at=None, expires_at__gt=Now()).count() >= MAX_KEYS:
            raise TooManyKeys
        key.save(force_insert=True)
        limits = {"expires": key.expires_at.isoformat(), "rights": key.rights, "reports": request.reports}
        _record(Action.KEY_CREATE, key, actor, **limits)
    return key, new.text


def revoke_key(key: ApiKey, *, actor: User | str) -> None:
    """Let the key be refused from now on. Raises KeyNotFound if it was revoked already."""
    with transaction.atomic():
        if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now()):
            raise KeyNotFound
        _record(Action.KEY_REVOKE, key, actor)


def key_to_revoke(user: User, key_id: str) -> ApiKey:
    """Return the key, which is the user's own or, for an Administrator, of the tenant. Raises KeyNotFound."""
    # PostgreSQL refuses a NUL character, which a URL can contain as %00.
    keys = ApiKey.objects.visible_to(user).filter(pk=key_id.replace("\0", " "), revoked_at=None)
    key = keys.select_related("user").first()
    if key is None:
        raise KeyNotFound
    return key


def owner_named(actor: User, username: str | None) -> User:
    """Return the user that a new key is for: the actor, or a service account that the actor manages.

    Raises PermissionDenied for others than Administrators, and InvalidParameters.
    """
    if username is None or username == actor.username:
        return actor
    if not actor.is_administrator:
        raise PermissionDenied("Only an Administrator can create keys for service accounts.")
    user = User.objects.filter(username=username, service=True, is_active=True).first()
    if user is None or not actor.administers(user.tenant_id) or not may_manage(actor, user):
        raise InvalidParameters({"user": ["There is no such service account in this tenant."]})
    return user


def load_report_slugs(keys: Iterable[ApiKey]) -> None:
    """Set `report_slugs` of each key: those of its reports that still exist; None if it is for all of them."""
    limited = [(key, [UUID(report_id) for report_id in key.reports]) for key in keys if key.reports is not None]
    ids = {report_id for _, report_ids in limited for report_id in report_ids}
    slugs = dict(ReportConfiguration.objects.filter(pk__in=ids).values_list("pk", "slug")) if ids else {}
    for key, report_ids in limited:
        key.report_slugs = [slugs[report_id] for report_id in report_ids if report_id in slugs]


def _check(request: KeyRequest) -> list[UUID] | None:
    """Return the ids of the reports. Raises InvalidParameters with all errors."""
    errors: FieldErrors = {}
    if not request.user.is_active:
        errors["user"] = ["This user is not active."]
    if sentence := _expiry_error(request.expires_at):
        errors["expires"] = [sentence]
    ids: list[UUID] | None = None
    if request.reports is not None:
        found = {name: _report_id(request.user, name) for name in dict.fromkeys(request.reports)}
        ids = [report_id for report_id in found.values() if report_id]
        missing = [name for name, report_id in found.items() if report_id is None]
        if missing:
            errors["reports"] = [f"Report {name} does not exist in this tenant." for name in missing]
        elif KeyRight.ADMINISTER in request.rights:
            errors["reports"] = ["A key that administers can't be limited to reports."]
    if errors:
        raise InvalidParameters(errors)
    return ids


def _expiry_error(expires_at: datetime) -> str | None:
    current = now()
    if expires_at <= current:
        return "Must be in the future."
    if expires_at > current + timedelta(days=MAX_DAYS):
        return f"Must be at most {MAX_DAYS} days ahead."
    return None


def _report_id(user: User, name: str) -> UUID | None:
    try:
        return ReportConfiguration.objects.find(user, name).pk
    except (ReportNotFound, AmbiguousReport):
        # A superuser sees all tenants, where several reports can have the slug.
        return None


def _record(action: Action, key: ApiKey, actor: User | str, **details: object) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=key.user.tenant_id,
        target=("key", key.pk),
        details={"name": key.name, "user": key.user.username, **details},
    )
