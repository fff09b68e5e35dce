"""Keeps a form that was sent after the session had ended, until the same user has signed in again.

Such a form contains a signed field that names the user it was shown to. Forms without it are not kept, so strangers
can neither fill the session table nor leave a form for somebody else to save.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.decorators import login_required
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponse, QueryDict

OWNER_FIELD = "form_owner"
_SESSION_KEY = "unsaved"
_signer = Signer(salt="common.form_recovery")


def sign_owner(user: AbstractBaseUser) -> str:
    """The value of OWNER_FIELD in a form that is shown to this user."""
    return _signer.sign(str(user.pk))


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
        owner = _signer.unsign(request.POST.get(OWNER_FIELD, ""))
    except BadSignature:
        return False
    if request.user.is_authenticated and owner != str(request.user.pk):
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
