"""Middleware that gives pages the language, time zone and number format of their reader. The API stays in English."""

from __future__ import annotations

from collections.abc import Callable

from babel.core import Locale
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone, translation

from accounts.localization import locale
from accounts.models import User
from common.localization.writing import locale_of_language, writing

#: Nobody reads them as a page.
_NOT_PAGES = ("/api/", "/static/", "/livez", "/readyz", "/metrics")


class Localization:
    """Signed-in users decide on /account; for others, a cookie or else the browser does."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(_NOT_PAGES):
            return self.get_response(request)
        user = request.user if isinstance(request.user, User) else None
        language = _language(request, user)
        zone = user.zone if user else timezone.get_default_timezone()
        with translation.override(language), timezone.override(zone), writing(_locale(language, user)):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response


def _language(request: HttpRequest, user: User | None) -> str:
    # A language may have been removed since.
    if user and user.language in dict(settings.LANGUAGES):
        return user.language
    return translation.get_language_from_request(request)


def _locale(language: str, user: User | None) -> Locale:
    """The user's locale, else the organization's if it is in the language of the page, else that of the language."""
    if user and user.locale:
        return locale(user.locale)
    of_language = locale_of_language(language)
    if user and user.tenant and user.tenant.locale:
        of_tenant = locale(user.tenant.locale)
        return of_tenant if of_tenant.language == of_language.language else of_language
    return of_language
