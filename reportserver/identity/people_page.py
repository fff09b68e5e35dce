"""The people page: the users of a tenant, for its Administrators."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.mail import send_mail
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from accounts.caller import require_administrator
from accounts.models import User
from accounts.roles import may_manage, role_name, roles_to_hand_out
from common.paging import paginate
from reports.exceptions import InvalidParameters
from reportserver.auth import second_factor
from reportserver.identity.forms import PersonForm
from reportserver.identity.organization_page import requirement
from reportserver.identity.people import (
    invite,
    password_link,
    people_of,
    person_to_manage,
    set_active,
    set_roles,
)
from reportserver.identity.sessions import end_sessions_of
from reportserver.openid.linking import unlink


@login_required
@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """List the users of the tenant."""
    return _page(request)


@login_required
@require_POST
def new_person(request: HttpRequest) -> HttpResponse:
    """Create a user, and send or show the link by which the user sets a password."""
    actor = require_administrator(request)
    form = PersonForm(actor, request.POST)
    if form.is_valid():
        try:
            user = invite(actor=actor, **form.cleaned_data)
        except InvalidParameters as error:
            for name, sentences in error.fields.items():
                form.add_error(name if name in form.fields else None, sentences)
        else:
            if user.service:
                messages.success(request, gettext("“%(name)s” was created.") % {"name": user.username})
                return redirect("people")
            return _page(request, invited=user, link=_send_link(request, user))
    return _page(request, form=form)


@login_required
@require_POST
def change_person(request: HttpRequest, user_id: int, command: str) -> HttpResponse:
    """Carry out a button of a user's row."""
    actor = require_administrator(request)
    user = person_to_manage(actor, user_id)
    if command == "link" and not user.service:
        return _page(request, invited=user, link=_send_link(request, user))
    if command in ("activate", "deactivate"):
        set_active(user=user, active=command == "activate", actor=actor)
    elif command == "roles":
        chosen = request.POST.getlist("roles")
        set_roles(user=user, roles=[role for role in roles_to_hand_out(actor) if str(role.pk) in chosen], actor=actor)
    elif command == "end-sessions":
        end_sessions_of(user, actor=actor)
    elif command == "reset-second-factor":
        second_factor.reset(user, actor=actor)
    elif command == "unlink":
        unlink(user=user, identity_id=request.POST.get("identity", ""), actor=actor)
    else:
        raise Http404
    messages.success(request, gettext("“%(name)s” was changed.") % {"name": user.username})
    return redirect(f"{reverse('people')}?{request.GET.urlencode()}" if request.GET else "people")


def _send_link(request: HttpRequest, user: User) -> str:
    """Mail the link if that is possible. Returns it, for the Administrator to pass on if it isn't."""
    link = password_link(user)
    if not (user.email and settings.EMAIL_CONFIGURED):
        return link
    subject = gettext("Your account on the report server")
    text = gettext("Your user name is %(name)s. Set your password here:\n\n%(link)s\n")
    try:
        send_mail(subject, text % {"name": user.username, "link": link}, None, [user.email])
    except Exception:  # noqa: BLE001 - whatever the mail server does, the link can be passed on by hand
        messages.error(request, gettext("The mail could not be sent. Pass the link on yourself."))
        return link
    messages.success(request, gettext("A link was sent to %(address)s.") % {"address": user.email})
    return ""


def _page(request: HttpRequest, **changed: Any) -> HttpResponse:
    actor = require_administrator(request)
    page = paginate(request, people_of(actor), "username", "id")
    roles = [(role, role_name(role)) for role in roles_to_hand_out(actor)]
    rows = [
        {
            "person": person,
            "roles": sorted(role_name(role) for role in person.groups.all()),
            "role_ids": {role.pk for role in person.groups.all()},
            "has_factor": bool(getattr(getattr(person, "second_factor", None), "confirmed_at", None)),
            "may_manage": may_manage(actor, person),
        }
        for person in page.rows
    ]
    context: dict[str, Any] = {"page": page, "people": rows, "roles": roles, "form": PersonForm(actor)}
    if actor.tenant:
        context["requirement"] = requirement(actor.tenant)
    return render(request, "people/list.html", context | changed, status=400 if "form" in changed else 200)
