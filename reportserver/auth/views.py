"""Sign-in and sign-out pages."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import LoginView, LogoutView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django_htmx.http import HttpResponseClientRedirect

from accounts.caller import HtmxHttpRequest
from accounts.models import User
from audit.models import Action
from common import form_recovery
from reportserver.auth.audit_entries import Channel, page_channel, record_session
from reportserver.auth.exceptions import TooManyFailures, TooManySignIns
from reportserver.auth.forms import SignInForm
from reportserver.identity.sessions import remember_session


class SignIn(LoginView):
    template_name = "login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True
    request: HtmxHttpRequest

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.request.htmx:
            # A live region was refreshed after the session had ended. Without this redirect of the whole page, the
            # sign-in page would be swapped into the region.
            current = self.request.htmx.current_url_abs_path or "/"
            return HttpResponseClientRedirect(f"{request.path}?{urlencode({'next': current})}")
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().post(request, *args, **kwargs)
        except TooManyFailures as error:
            seconds = error.usage.resets_in
            message = ngettext(
                "Too many failed sign-ins. Try again in %(seconds)s second.",
                "Too many failed sign-ins. Try again in %(seconds)s seconds.",
                seconds,
            ) % {"seconds": seconds}
            return self._refuse(message, seconds)
        except TooManySignIns:
            return self._refuse(gettext("Too many people are signing in at once. Try again in a few seconds."), 2)

    def _refuse(self, message: str, seconds: int) -> HttpResponse:
        """The form with a message, for a sign-in that wasn't checked and may be tried again after these seconds."""
        form = SignInForm(self.request, initial={"username": self.request.POST.get("username", "")})
        context = self.get_context_data(form=form, too_many=message)
        return self.render_to_response(context, status=429, headers={"Retry-After": str(seconds)})

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
            form_recovery.discard_others_form(self.request)
            record_session(Action.SIGN_IN, form.get_user(), self.request, page_channel(self.request))
            remember_session(self.request, form.get_user())
        return response


class SignOut(LogoutView):
    """Sign-out, by POST only."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if isinstance(request.user, User):
            with transaction.atomic():
                channel: Channel = "admin" if request.path.startswith("/admin/") else "page"
                record_session(Action.SIGN_OUT, request.user, request, channel)
        return super().post(request, *args, **kwargs)


def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Replace the admin's own sign-in page, which doesn't limit failures.

    A signed-in user who is sent here has no access to the admin.
    """
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next", "/admin/"))
