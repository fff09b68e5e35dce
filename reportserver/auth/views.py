"""Sign-in and sign-out pages.

The login view is here and not in accounts: it counts failures with common.throttling and writes to the audit log.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import LoginView, LogoutView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import User
from audit import actions as audit
from audit.models import Action
from common import form_recovery
from common.throttling import Count, attempt
from reportserver.auth.forms import SignInForm


class SignIn(LoginView):
    """The login page."""

    template_name = "login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.htmx:  # type: ignore[attr-defined]
            # A live region asked after the session had ended; the answer must not land inside the region.
            here = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
            return HttpResponseClientRedirect(f"{request.path}?{urlencode({'next': here})}")
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.attempt = attempt("sign_in", self._caller())
        return self._locked(self.attempt.counted) if self.attempt.refused else super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        self.attempt.not_failed()
        with transaction.atomic():
            response = super().form_valid(form)
            form_recovery.discard_others_form(self.request)
            _record(Action.SIGN_IN, form.get_user())
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        if form.non_field_errors():
            self.attempt.failed()
        else:
            self.attempt.not_failed()
        return super().form_invalid(form)

    def _caller(self) -> str:
        """As the API counts them (reportserver.auth.api), so that both doors share one lock."""
        name = self.request.POST.get("username", "").strip().lower()
        return f"{name}@{self.request.META.get('REMOTE_ADDR')}"

    def _locked(self, failures: Count) -> HttpResponse:
        form = SignInForm(self.request, initial={"username": self.request.POST.get("username", "")})
        wait = f"Too many failed sign-ins. Try again in {failures.resets_in} seconds."
        context = self.get_context_data(form=form, locked=wait)
        return self.render_to_response(context, status=429, headers={"Retry-After": str(failures.resets_in)})


class SignOut(LogoutView):
    """Sign-out, by POST only."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if isinstance(request.user, User):
            with transaction.atomic():
                _record(Action.SIGN_OUT, request.user)
        return super().post(request, *args, **kwargs)


def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """The admin's own login page would know no lock-out. Who is signed in and sent here may not use the admin."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next", "/admin/"))


def _record(action: Action, user: User) -> None:
    audit.record(action, actor=user, tenant_id=user.tenant_id, target=("user", user.pk))
