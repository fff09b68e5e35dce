"""Audit entries about signing in and out, each with the address and the channel it came through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from django.http import HttpRequest

from accounts.models import IdentityProvider, User
from audit import actions as audit
from audit import tallies
from audit.models import Action

Channel = Literal["page", "admin", "API"]
ADMIN = "/admin/"


def page_channel(request: HttpRequest) -> Channel:
    """The channel of the sign-in page, which the admin uses as well."""
    asked_for = request.POST.get("next", request.GET.get("next", ""))
    return "admin" if asked_for.startswith(ADMIN) else "page"


def origin(request: HttpRequest, channel: Channel) -> dict[str, object]:
    """Where a request came from, as details of an entry."""
    return {"address": request.META.get("REMOTE_ADDR", ""), "channel": channel}


def session_origin(request: HttpRequest) -> dict[str, str]:
    """Where a session begins, as fields of SessionOrigin."""
    address, agent = request.META.get("REMOTE_ADDR", ""), request.headers.get("User-Agent", "")
    # PostgreSQL refuses a NUL character.
    return {"address": address[:45], "agent": agent.replace("\0", "")[:200]}


def record_session(action: Action, user: User, request: HttpRequest, channel: Channel, **details: object) -> None:
    """Record what this user did with a session, in the caller's transaction."""
    target = ("user", user.pk)
    details |= origin(request, channel)
    audit.record(action, actor=user, tenant_id=user.tenant_id, target=target, details=details)


class Failed(Protocol):
    """A sign-in that was refused."""

    def record(self, action: Action) -> None:
        """Count it for an audit entry. A lock-out has one at once."""


@dataclass(frozen=True)
class FailedProviderSignIn:
    """A sign-in through an identity provider that was refused, for a reason that quotes nobody."""

    provider: IdentityProvider
    reason: str
    origin: dict[str, object]

    def record(self, action: Action) -> None:
        tallies.count(
            action,
            tenant_id=self.provider.tenant_id,
            target=("identity provider", self.provider.pk),
            details={"provider": self.provider.slug, "reason": self.reason} | self.origin,
            at_once=False,
        )


@dataclass(frozen=True)
class FailedSignIn:
    """A sign-in that was refused. `username` is what somebody entered."""

    username: str
    origin: dict[str, object]

    def record(self, action: Action) -> None:
        user = self._user(any_case=action == Action.SIGN_IN_LOCKED)
        # People enter passwords in place of their names, so a name that no user has isn't recorded.
        name = {"user": user.username} if user else {"user": None}
        tallies.count(
            action,
            tenant_id=user.tenant_id if user else None,
            target=("user", user.pk if user else "unknown"),
            details=name | self.origin,
            at_once=action == Action.SIGN_IN_LOCKED,
        )

    def _user(self, *, any_case: bool) -> User | None:
        """The user that somebody tried to sign in as. With `any_case`, the one that the failures count for."""
        users = User.objects.filter(username=self.username)
        return users.first() or (User.objects.filter(username__iexact=self.username).first() if any_case else None)


def record_locked_address(address: str, request: HttpRequest, channel: Channel) -> None:
    """Record that no further sign-in from this address is checked for a while, whatever the names."""
    details = origin(request, channel)
    tallies.count(Action.SIGN_IN_LOCKED, tenant_id=None, target=("address", address), details=details, at_once=True)
