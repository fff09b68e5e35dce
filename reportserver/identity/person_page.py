"""The page of one person: the sessions and API keys of a user, for Administrators of the tenant."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from accounts.caller import require_administrator
from accounts.exceptions import KeyNotFound
from accounts.models import ApiKey, User
from accounts.querysets import ApiKeys
from reportserver.identity.api_keys import load_report_slugs, revoke_key
from reportserver.identity.people import person_to_manage
from reportserver.identity.sessions import end_session_of, sessions_of


@login_required
@require_safe
def person(request: HttpRequest, user_id: int) -> HttpResponse:
    """Show the sessions and keys of a user."""
    user = _managed(request, user_id)
    keys = list(_keys(user).select_related("user").order_by("created_at", "id"))
    load_report_slugs(keys)
    return render(request, "people/person.html", {"person": user, "sessions": sessions_of(user), "keys": keys})


@login_required
@require_POST
def end_session(request: HttpRequest, user_id: int) -> HttpResponse:
    """End one session of a user."""
    user = _managed(request, user_id)
    ended = end_session_of(user, request.POST.get("session", ""), actor=require_administrator(request))
    text = gettext("The session has ended.") if ended else gettext("The session had ended already.")
    messages.success(request, text)
    return redirect("person", user_id)


@login_required
@require_POST
def revoke(request: HttpRequest, user_id: int, key_id: str) -> HttpResponse:
    """Revoke a key of a user."""
    user = _managed(request, user_id)
    # PostgreSQL refuses a NUL character, which a URL can contain as %00.
    key = _keys(user).filter(pk=key_id.replace("\0", " ")).select_related("user").first()
    if key is None:
        raise KeyNotFound
    revoke_key(key, actor=require_administrator(request))
    messages.success(request, gettext("“%(name)s” was revoked.") % {"name": key.name})
    return redirect("person", user_id)


def _managed(request: HttpRequest, user_id: int) -> User:
    return person_to_manage(require_administrator(request), user_id)


def _keys(user: User) -> ApiKeys:
    return ApiKey.objects.filter(user=user, revoked_at=None)
