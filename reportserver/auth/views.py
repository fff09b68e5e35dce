"""Sign-in and sign-out pages."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.views import LoginView, LogoutView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.views import View
from django_htmx.http import HttpResponseClientRedirect

from accounts.caller import HtmxHttpRequest
from accounts.models import IdentityProvider, User
from audit.models import Action
from reportserver.auth import pending_sign_in, second_factor
from reportserver.auth.audit_entries import Channel, page_channel, record_session
from reportserver.auth.begin_session import begin_session
from reportserver.auth.credentials import check_code
from reportserver.auth.exceptions import TooManyFailures, TooManySignIns
from reportserver.auth.forms import SignInForm
from reportserver.openid import sign_out
from reportserver.openid.redirect_page import to_provider


class SignIn(LoginView):
    template_name = "login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True
    request: HtmxHttpRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        providers = IdentityProvider.objects.filter(enabled=True).select_related("tenant")
        return super().get_context_data(providers=providers.order_by("name", "tenant__slug", "slug"), **kwargs)

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
        user = form.get_user()
        channel, url = page_channel(self.request), self.get_success_url()
        if second_factor.has_factor(user):
            pending_sign_in.begin(self.request, user, url, channel)
            return redirect("login-code")
        return _begin(self.request, user, url, channel)


class SignInCode(View):
    """The second step of a sign-in: the code of an authenticator app, or a recovery code."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request) if pending_sign_in.pending(request) else redirect("login")

    def post(self, request: HttpRequest) -> HttpResponse:
        pending = pending_sign_in.pending(request)
        if pending is None:
            messages.error(request, gettext("Signing in took too long. Start again."))
            return redirect("login")
        try:
            if check_code(request, pending.user, request.POST.get("code", "")[:50], channel=pending.channel):
                return _begin(request, pending.user, pending.url, pending.channel)
        except TooManyFailures as error:
            message = gettext("Too many wrong codes. Try again in a minute.")
            return self._page(request, message, status=429, headers={"Retry-After": str(error.usage.resets_in)})
        return self._page(request, gettext("The code is wrong or was used already."))

    def _page(self, request: HttpRequest, message: str = "", **options: Any) -> HttpResponse:
        response = render(request, "login_code.html", {"message": message}, status=options.get("status"))
        for name, value in options.get("headers", {}).items():
            response[name] = value
        return response


def _begin(request: HttpRequest, user: User, url: str, channel: Channel) -> HttpResponse:
    begin_session(request, user, channel)
    return redirect(url)


class SignOut(LogoutView):
    """Sign-out, by POST only: here, and then at the provider through which the session began."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if isinstance(request.user, User):
            with transaction.atomic():
                channel: Channel = "admin" if request.path.startswith("/admin/") else "page"
                record_session(Action.SIGN_OUT, request.user, request, channel)
        url = sign_out.provider_url(request)
        response = super().post(request, *args, **kwargs)
        return to_provider(request, url, gettext("Signing out")) if url else response


def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Replace the admin's own sign-in page, which doesn't limit failures.

    A signed-in user who is sent here has no access to the admin.
    """
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next", "/admin/"))
