"""Keeps a form that was sent after the session had ended, until the same user has signed in again.

Such a form contains a signed field, its mark, which names the user and the session it was shown to, and expires. Forms
without it are not kept, so strangers can't leave a form for somebody else to save. Nor can they fill the session table:
somebody who copies a mark overwrites one row, however often it is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.decorators import login_required
from django.contrib.sessions.backends.base import CreateError, SessionBase
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.crypto import salted_hmac

OWNER_FIELD = "form_owner"
_SESSION_KEY = "unsaved"
_signer = TimestampSigner(salt="common.form_recovery")
#: Characters of a session's key, as Django makes them.
_KEY_CHARACTERS = 32


def sign_owner(user: AbstractBaseUser, session_key: str | None) -> str:
    """The value of OWNER_FIELD, the mark, in a form that is shown to this user in this session."""
    return _signer.sign(f"{user.pk}:{_digest(session_key or '')}")


def login_keeping_form(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Like login_required, but a form that was sent without a session is kept for `restore_form`."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and not request.user.is_authenticated:
            save_form(request)
        response: HttpResponse = login_required(view)(request, *args, **kwargs)
        return response

    return wrapper


def save_form(request: HttpRequest) -> bool:
    """Keep the sent form in the session. Returns False for a form without a valid owner, or of another user."""
    try:
        mark = _signer.unsign(request.POST.get(OWNER_FIELD, ""), max_age=settings.SESSION_COOKIE_AGE)
    except BadSignature:
        return False
    owner = mark.partition(":")[0]
    if not request.user.is_authenticated:
        request.session = _session_of(mark, request.session)
    elif owner != str(request.user.pk):
        return False
    data = request.POST.copy()
    data.pop("csrfmiddlewaretoken", None)
    request.session[_SESSION_KEY] = {"person": owner, "path": request.get_full_path(), "sent": data.urlencode()}
    return True


def restore_form(request: HttpRequest, message: str) -> QueryDict | None:
    """Return and forget the form that this user had sent to this address, and show the message on the page."""
    saved = request.session.get(_SESSION_KEY)
    if saved is None or saved["path"] != request.get_full_path():
        return None
    discard_others_form(request)
    if not request.session.pop(_SESSION_KEY, None):
        return None
    messages.warning(request, message)
    return QueryDict(saved["sent"])


def discard_others_form(request: HttpRequest) -> None:
    """Forget the form that another user had sent from this browser."""
    saved = request.session.get(_SESSION_KEY)
    if saved is not None and saved["person"] != str(request.user.pk):
        del request.session[_SESSION_KEY]


def _session_of(mark: str, current: SessionBase) -> SessionBase:
    """The one session for all forms with this mark. Signing in replaces its key, which is derived from a secret."""
    key = _digest(mark)
    session = type(current)(key)
    if not session.exists(key):
        with suppress(CreateError):  # another request was first
            session.save(must_create=True)
    session.clear()
    return session


def _digest(text: str) -> str:
    return salted_hmac("common.form_recovery", text, algorithm="sha256").hexdigest()[:_KEY_CHARACTERS]
