"""Pages between this server and an identity provider: beginning a sign-in or a link, and what the provider answers."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from accounts.caller import caller
from accounts.models import IdentityProvider, User
from common.exceptions import DomainError
from reports.exceptions import WrongKey
from reportserver.auth.audit_entries import page_channel
from reportserver.auth.authentication import account_state
from reportserver.auth.begin_session import begin_session
from reportserver.auth.credentials import check_provider
from reportserver.auth.exceptions import TooManyFailures, TooManySignIns
from reportserver.identity import account_page
from reportserver.identity.forms import CurrentPasswordForm
from reportserver.openid import linking, pending, sign_out
from reportserver.openid.calls import place
from reportserver.openid.exceptions import ProviderError, SignInRefused
from reportserver.openid.flow import SignedIn, authorization_url, complete
from reportserver.openid.metadata import recent_metadata
from reportserver.openid.redirect_page import to_provider
from reportserver.openid.users import user_of


@require_POST
def begin(request: HttpRequest, tenant: str, slug: str) -> HttpResponse:
    """Send the browser to the provider to sign in."""
    provider = _enabled_provider(tenant, slug)
    asked_for = request.POST.get("next", "")
    is_own = url_has_allowed_host_and_scheme(asked_for, {request.get_host()}, require_https=request.is_secure())
    is_own = is_own and len(asked_for) <= pending.MAX_URL
    new = pending.new_pending(provider, asked_for if is_own else resolve_url("overview"), page_channel(request))
    return _send(request, provider, new, back="login")


@login_required
@require_POST
@sensitive_post_parameters()
def begin_link(request: HttpRequest) -> HttpResponse:
    """Send the browser to the provider to link an identity, for somebody who knows the password."""
    user = caller(request)
    chosen = request.POST.get("provider", "")
    provider = next((each for each in linking.providers_to_link(user) if str(each.pk) == chosen), None)
    if provider is None:
        raise Http404
    form = CurrentPasswordForm(request.POST)
    if not (form.is_valid() and account_page.is_own_password(request, user, form)):
        return account_page.page(request, link_form=form)
    new = pending.new_pending(provider, reverse("account"), "page", user)
    return _send(request, provider, new, back="account")


@login_required
@require_POST
def unlink(request: HttpRequest, identity_id: str) -> HttpResponse:
    """Unlink an identity of the user."""
    user = caller(request)
    try:
        identity = linking.unlink(user=user, identity_id=identity_id, actor=user)
    except SignInRefused as error:
        messages.error(request, error.message)
    else:
        messages.success(request, gettext("Unlinked from %(name)s.") % {"name": identity.provider.name})
    return redirect("account")


@require_GET
def callback(request: HttpRequest, tenant: str, slug: str) -> HttpResponse:
    """Complete what this browser began with the provider."""
    provider = _enabled_provider(tenant, slug)
    began = pending.recall(request, provider)
    if began is None:
        messages.error(request, gettext("Signing in took too long. Start again."))
        return redirect("account" if request.user.is_authenticated else "login")

    def finish() -> None:
        signed_in = _ask(request, provider, began)
        if began.user is None:
            _sign_in(request, provider, began, signed_in)
        else:
            _link(request, provider, began, signed_in)

    try:
        check_provider(request, provider, finish, channel=began.channel)
        response: HttpResponse = redirect(began.url)
    except DomainError as error:
        response = _refuse(request, provider, error, "login" if began.user is None else "account")
    pending.forget(request, response)
    return response


def _enabled_provider(tenant: str, slug: str) -> IdentityProvider:
    providers = IdentityProvider.objects.select_related("tenant").filter(enabled=True)
    provider = providers.filter(tenant__slug=tenant, slug=slug).first()
    if provider is None:
        raise Http404
    return provider


def _send(request: HttpRequest, provider: IdentityProvider, new: pending.Pending, *, back: str) -> HttpResponse:
    def ask() -> str:
        with place(provider.pk):
            return authorization_url(provider, recent_metadata(provider.issuer), new)

    try:
        url = check_provider(request, provider, ask, channel=new.channel)
    except DomainError as error:
        return _refuse(request, provider, error, back)
    response = to_provider(request, url, gettext("Signing in at %(name)s") % {"name": provider.name})
    pending.remember(request, response, new)
    return response


def _ask(request: HttpRequest, provider: IdentityProvider, began: pending.Pending) -> SignedIn:
    """Return who signed in at the provider. Raises ProviderError, TooManySignIns, WrongKey."""
    with place(provider.pk):
        metadata = recent_metadata(provider.issuer)
        # RFC 9207: another provider, to which the browser was led, can't have its code accepted here.
        issuer = request.GET.get("iss")
        if issuer != provider.issuer and (issuer is not None or metadata.names_issuer):
            raise ProviderError("The answer is another issuer's.")
        if "error" in request.GET:
            message = gettext("%(name)s refused the sign-in, or it was cancelled there.") % {"name": provider.name}
            raise SignInRefused(message, "The provider refused the sign-in.")
        return complete(provider, metadata, request.GET.get("code", "")[:4000], began)


def _sign_in(request: HttpRequest, provider: IdentityProvider, began: pending.Pending, signed_in: SignedIn) -> None:
    with transaction.atomic():
        user = user_of(provider, signed_in)
        begin_session(request, user, began.channel, provider)
        sign_out.remember(request, provider, signed_in)


def _link(request: HttpRequest, provider: IdentityProvider, began: pending.Pending, signed_in: SignedIn) -> None:
    user = request.user
    began_it = isinstance(user, User) and user.pk == began.user and account_state(user) == began.user_state
    if not isinstance(user, User) or not began_it or not provider.can_be_used_by(user):
        raise SignInRefused(gettext("You have signed out. Start again."), "Another user is signed in now.")
    linking.link(request=request, user=user, provider=provider, subject=signed_in.subject)
    messages.success(request, gettext("Linked to %(name)s.") % {"name": provider.name})


def _refuse(request: HttpRequest, provider: IdentityProvider, error: DomainError, back: str) -> HttpResponse:
    """Show why it failed on the page where it began."""
    if isinstance(error, SignInRefused):
        message = error.message
    elif isinstance(error, ProviderError):
        failed = (
            gettext("%(name)s is not responding. Try again in a minute.")
            if error.retryable
            else gettext("The answer of %(name)s is not valid. Tell your administrator.")
        )
        message = failed % {"name": provider.name}
    elif isinstance(error, TooManyFailures | TooManySignIns):
        message = gettext(error.message)
    elif isinstance(error, WrongKey):
        message = gettext("The secret of %(name)s can't be read. Tell your administrator.") % {"name": provider.name}
    else:
        raise error
    messages.error(request, message)
    return redirect(back)
