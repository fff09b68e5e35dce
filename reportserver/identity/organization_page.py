"""The part of the people page that decides whether an organization requires a second factor."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from accounts.caller import require_administrator
from accounts.models import Tenant, User
from audit import actions as audit
from audit.models import Action

_MAX_NAMES = 10


@dataclass(frozen=True)
class Requirement:
    """Whether the tenant requires a second factor, and who signs in with a password but has none."""

    required: bool
    without: list[str]
    more: int


def requirement(tenant: Tenant) -> Requirement:
    people = User.objects.filter(tenant=tenant, is_active=True, service=False, second_factor__confirmed_at=None)
    names = list(
        people.exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX)
        .order_by("username")
        .values_list("username", flat=True)
    )
    return Requirement(tenant.require_second_factor, names[:_MAX_NAMES], len(names[_MAX_NAMES:]))


@login_required
@require_POST
def require_second_factor(request: HttpRequest) -> HttpResponse:
    """Require a second factor of the people of the Administrator's organization, or no longer."""
    actor = require_administrator(request)
    if actor.tenant is None:
        raise Http404
    required = request.POST.get("required") == "true"
    set_required(tenant=actor.tenant, required=required, actor=actor)
    if required:
        messages.success(request, gettext("A second factor is required from the next sign-in on."))
    else:
        messages.success(request, gettext("A second factor is no longer required."))
    return redirect("people")


def set_required(*, tenant: Tenant, required: bool, actor: User) -> None:
    """Require a second factor of the tenant's people, or no longer, with an audit entry if that changes anything."""
    with transaction.atomic():
        changed = Tenant.objects.filter(pk=tenant.pk).exclude(require_second_factor=required)
        if changed.update(require_second_factor=required):
            details = {"organization": tenant.name, "require_second_factor": required}
            audit.record(
                Action.TENANT_UPDATE, actor=actor, tenant_id=tenant.pk, target=("tenant", tenant.pk), details=details
            )
