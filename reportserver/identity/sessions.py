"""A user's sessions, of the pages and of the API: listing and ending them, and changing the password they depend on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.contrib.auth import update_session_auth_hash
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import PageSession, RefreshSession, User
from audit import actions as audit
from audit.models import Action
from common.ids import parse_uuid
from jobs.clock import Now
from reportserver.auth.audit_entries import record_session, session_origin


@dataclass(frozen=True)
class OwnSession:
    """A session as its user sees it. `is_current`: the one in which it is shown."""

    id: str
    kind: Literal["page", "API"]
    created_at: datetime | None
    address: str
    agent: str
    is_current: bool


def remember_session(request: HttpRequest, user: User) -> None:
    """Store whose the request's session is. Its key must be new, as after signing in."""
    key = request.session.session_key
    PageSession.objects.update_or_create(
        session_id=key, defaults={"user": user, "created_at": Now(), **session_origin(request)}
    )


def own_sessions(request: HttpRequest, user: User) -> list[OwnSession]:
    """Return the user's sessions that haven't ended, the newest first after that of the request."""
    return sessions_of(user, request.session.session_key)


def sessions_of(user: User, current: str | None = None) -> list[OwnSession]:
    """Return the user's sessions that haven't ended, the newest first after the current one, given by its key."""
    pages: Any = _page_sessions(user)
    tokens: Any = _api_sessions(user)
    sessions = [_own(row, "page", row.session_id == current) for row in pages]
    sessions += [_own(row, "API", False) for row in tokens]
    return sorted(sessions, key=lambda session: (session.is_current, _timestamp(session)), reverse=True)


def end_session(request: HttpRequest, user: User, session_id: str) -> bool:
    """End one of the user's sessions. False if it has ended already."""
    with transaction.atomic():
        ended = _end_one(user, session_id)
        if ended:
            record_session(Action.SESSION_END, user, request, "page")
    return ended


def end_other_sessions(request: HttpRequest, user: User) -> None:
    """End all of the user's sessions except the one of the request."""
    with transaction.atomic():
        others = _page_sessions(user).exclude(session_id=request.session.session_key)
        if _end(others, _api_sessions(user)):
            record_session(Action.SESSION_END, user, request, "page")


def end_all_sessions(user: User) -> int:
    """End all sessions of the user, in the caller's transaction. Returns how many ended."""
    return _end(_page_sessions(user), _api_sessions(user))


def end_sessions_of(user: User, *, actor: User) -> None:
    """End all sessions of another user."""
    with transaction.atomic():
        if end_all_sessions(user):
            _record_end(user, actor)


def end_session_of(user: User, session_id: str, *, actor: User) -> bool:
    """End one session of another user. False if it has ended already."""
    with transaction.atomic():
        ended = _end_one(user, session_id)
        if ended:
            _record_end(user, actor, session=session_id)
    return ended


def change_password(request: HttpRequest, user: User, password: str) -> None:
    """Set the user's own password. All sessions except the one of the request end, since they depend on it."""
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        _end(_page_sessions(user).exclude(session_id=request.session.session_key), _api_sessions(user))
        # Gives the session a new key.
        update_session_auth_hash(request, user)
        remember_session(request, user)
        record_session(Action.PASSWORD_CHANGE, user, request, "page")


def _page_sessions(user: User) -> QuerySet[PageSession]:
    return PageSession.objects.filter(user=user, session__expire_date__gt=Now())


def _api_sessions(user: User) -> QuerySet[RefreshSession]:
    return RefreshSession.objects.filter(user=user, revoked_at=None, expires_at__gt=Now())


def _end_one(user: User, session_id: str) -> bool:
    uuid = parse_uuid(session_id)
    return uuid is not None and bool(_end(_page_sessions(user).filter(pk=uuid), _api_sessions(user).filter(pk=uuid)))


def _record_end(user: User, actor: User, **details: str) -> None:
    audit.record(
        Action.SESSION_END,
        actor=actor,
        tenant_id=user.tenant_id,
        target=("user", user.pk),
        details={"user": user.username, **details},
    )


def _end(pages: QuerySet[PageSession], tokens: QuerySet[RefreshSession]) -> int:
    """End these sessions. Returns how many ended."""
    keys = list(pages.values_list("session_id", flat=True))
    Session.objects.filter(pk__in=keys).delete()
    return len(keys) + tokens.update(revoked_at=Now())


def _own(row: PageSession | RefreshSession, kind: Literal["page", "API"], is_current: bool) -> OwnSession:
    return OwnSession(str(row.pk), kind, row.created_at, row.address, row.agent, is_current)


def _timestamp(session: OwnSession) -> float:
    return session.created_at.timestamp() if session.created_at else 0
