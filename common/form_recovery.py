"""What somebody had typed when the session ended: kept until the same person has signed in again.

A form of that kind has a mark: whom the page was made for, signed. Without it nothing is kept, so nobody fills the
table of sessions or leaves a form for somebody else to save.
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
_KEY = "unsaved"
_signer = Signer(salt="common.form_recovery")


def sign_owner(user: AbstractBaseUser) -> str:
    """For the field MARK of a form that this person is to fill in."""
    return _signer.sign(str(user.pk))


def login_keeping_form(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """As login_required, but what was sent without a session is there again after signing in: see `take`."""

    @wraps(view)
    def keeping(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and not request.user.is_authenticated:
            save_form(request)
        answer: HttpResponse = login_required(view)(request, *args, **kwargs)
        return answer

    return keeping


def save_form(request: HttpRequest) -> bool:
    """Keep the sent form in the session, if it has the mark of who is signed in, or of anybody; whether it was kept."""
    try:
        person = _signer.unsign(request.POST.get(OWNER_FIELD, ""))
    except BadSignature:
        return False
    if request.user.is_authenticated and person != str(request.user.pk):
        return False
    sent = request.POST.copy()
    sent.pop("csrfmiddlewaretoken", None)
    request.session[_KEY] = {"person": person, "path": request.get_full_path(), "sent": sent.urlencode()}
    return True


def restore_form(request: HttpRequest, sentence: str) -> QueryDict | None:
    """What this person had sent to this address; once, and with this sentence on the page."""
    found = request.session.get(_KEY)
    if found is None or found["path"] != request.get_full_path():
        return None
    discard_others_form(request)
    if not request.session.pop(_KEY, None):
        return None
    messages.warning(request, sentence)
    return QueryDict(found["sent"])


def discard_others_form(request: HttpRequest) -> None:
    """Forget what another person had typed in this browser."""
    found = request.session.get(_KEY)
    if found is not None and found["person"] != str(request.user.pk):
        del request.session[_KEY]
