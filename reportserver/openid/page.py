"""The pages about identity providers, for Administrators."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.caller import require_administrator
from accounts.models import IdentityProvider, User
from accounts.roles import role_name, roles_to_hand_out
from common.exceptions import DomainError
from reports.definitions.providers.definition import parse_provider
from reports.exceptions import InvalidDefinition
from reportserver.openid.exceptions import ProviderNotFound
from reportserver.openid.flow import redirect_uri
from reportserver.openid.forms import ProviderForm
from reportserver.openid.providers import (
    create_provider,
    delete_provider,
    patch_provider,
    provider_to_manage,
    providers_of,
    test_provider,
)
from reportserver.openid.sign_out import post_logout_redirect_uri


@login_required
@require_safe
def providers(request: HttpRequest) -> HttpResponse:
    """List the tenant's identity providers."""
    actor = require_administrator(request)
    return _list(request, actor, ProviderForm(actor))


@login_required
@require_POST
@sensitive_post_parameters()
def new_provider(request: HttpRequest) -> HttpResponse:
    """Create an identity provider."""
    actor = require_administrator(request)
    form = ProviderForm(actor, request.POST)
    if form.is_valid():
        try:
            definition = parse_provider(form.entry())
            provider = create_provider(definition=definition, tenant=form.cleaned_data["tenant"], actor=actor)
        except InvalidDefinition as error:
            form.add_errors(error)
        else:
            messages.success(request, gettext("“%(name)s” was created.") % {"name": provider.name})
            return redirect("identity-provider", provider.pk)
    return _list(request, actor, form, status=400)


@login_required
@sensitive_post_parameters()
def change_provider(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Show an identity provider, or change it."""
    actor = require_administrator(request)
    provider = _provider(actor, provider_id)
    if request.method != "POST":
        return _detail(request, actor, provider, ProviderForm(actor, provider=provider))
    form = ProviderForm(actor, request.POST, provider)
    if form.is_valid():
        try:
            patch_provider(provider=provider, patch=form.patch(), actor=actor)
        except InvalidDefinition as error:
            form.add_errors(error)
        else:
            return _changed(request, provider)
    return _detail(request, actor, provider, form, status=400)


@login_required
@require_POST
def command(request: HttpRequest, provider_id: str, command: str) -> HttpResponse:
    """Carry out a button of an identity provider."""
    actor = require_administrator(request)
    provider = _provider(actor, provider_id)
    if command in ("enable", "disable"):
        patch_provider(provider=provider, patch={"enabled": command == "enable"}, actor=actor)
        return _changed(request, provider)
    if command != "test":
        raise Http404
    _show_test(request, provider)
    return redirect("identity-provider", provider.pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def remove_provider(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Ask for confirmation; POST deletes the identity provider."""
    actor = require_administrator(request)
    provider = _provider(actor, provider_id)
    if request.method != "POST":
        context = {
            "title": gettext("Delete identity provider"),
            "name": provider.name,
            "consequence": gettext("The users who are linked to it are unlinked. This can't be undone."),
            "back": resolve_url("identity-provider", provider.pk),
            "back_name": provider.name,
        }
        return render(request, "common/confirm_deletion.html", context)
    delete_provider(provider=provider, actor=actor)
    messages.success(request, gettext("“%(name)s” was deleted.") % {"name": provider.name})
    return redirect("identity")


def _show_test(request: HttpRequest, provider: IdentityProvider) -> None:
    try:
        problems = test_provider(provider)
    except DomainError as error:
        problems = [gettext(error.message)]
    for problem in problems:
        messages.error(request, gettext("The test failed: %(problem)s") % {"problem": problem})
    if not problems:
        text = gettext("%(name)s answered with a valid configuration and keys. Sign in through it to test the rest.")
        messages.success(request, text % {"name": provider.name})


def _provider(actor: User, provider_id: str) -> IdentityProvider:
    try:
        return provider_to_manage(actor, provider_id)
    except ProviderNotFound:
        raise Http404 from None


def _changed(request: HttpRequest, provider: IdentityProvider) -> HttpResponse:
    messages.success(request, gettext("“%(name)s” was changed.") % {"name": provider.name})
    return redirect("identity-provider", provider.pk)


def _list(request: HttpRequest, actor: User, form: ProviderForm, **options: Any) -> HttpResponse:
    listed = providers_of(actor).order_by("name", "pk")
    return render(request, "identity/list.html", {"providers": listed, **_form_context(actor, form)}, **options)


def _detail(
    request: HttpRequest, actor: User, provider: IdentityProvider, form: ProviderForm, **options: Any
) -> HttpResponse:
    context = {
        "provider": provider,
        "redirect_uri": redirect_uri(provider),
        "post_logout_redirect_uri": post_logout_redirect_uri(),
        **_form_context(actor, form),
    }
    return render(request, "identity/provider.html", context, **options)


def _form_context(actor: User, form: ProviderForm) -> dict[str, Any]:
    names = sorted({role_name(role) for role in roles_to_hand_out(actor)})
    return {
        "form": form,
        "role_names": names,
        "attribute_names": sorted(actor.tenant.attributes) if actor.tenant else [],
    }
