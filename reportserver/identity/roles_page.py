"""The roles page: the roles of a tenant, with their members and rights on reports."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import Group
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from accounts.caller import require_administrator
from accounts.models import User
from accounts.roles import role_name, roles_to_hand_out
from reports.exceptions import InvalidParameters
from reports.models import RoleGrant
from reportserver.identity.forms import RoleForm, RoleNameForm
from reportserver.identity.roles import create_role, delete_role, rename_role

_MAX_MEMBERS = 20


@login_required
@require_safe
def roles(request: HttpRequest) -> HttpResponse:
    """List the roles of the tenant."""
    return _page(request)


@login_required
@require_POST
def new_role(request: HttpRequest) -> HttpResponse:
    """Create a role, which has no right yet."""
    actor = require_administrator(request)
    form = RoleForm(actor, request.POST)
    if form.is_valid():
        try:
            create_role(actor=actor, **form.cleaned_data)
        except InvalidParameters as error:
            form.add_error("name", [gettext(sentence) for sentence in error.fields["name"]])
        else:
            messages.success(request, gettext("“%(name)s” was created.") % {"name": form.cleaned_data["name"]})
            return redirect("roles")
    return _page(request, form=form)


@login_required
@require_POST
def remove_role(request: HttpRequest, role_id: int) -> HttpResponse:
    """Delete a role. Its members lose its rights."""
    actor = require_administrator(request)
    role = _own_role(actor, role_id)
    name = role_name(role)
    delete_role(role=role, actor=actor)
    messages.success(request, gettext("“%(name)s” was deleted.") % {"name": name})
    return redirect("roles")


@login_required
@require_POST
def rename(request: HttpRequest, role_id: int) -> HttpResponse:
    """Rename a role. Its members and rights stay."""
    actor = require_administrator(request)
    role = _own_role(actor, role_id)
    form = RoleNameForm(request.POST, auto_id=f"id_{role_id}_%s")
    if form.is_valid():
        try:
            rename_role(role=role.role, name=form.cleaned_data["name"], actor=actor)
        except InvalidParameters as error:
            form.add_error("name", [gettext(sentence) for sentence in error.fields["name"]])
        else:
            messages.success(request, gettext("“%(name)s” was saved.") % {"name": form.cleaned_data["name"]})
            return redirect("roles")
    return _page(request, renamed={role_id: form})


def _own_role(actor: User, role_id: int) -> Group:
    """A role of a tenant that the actor administers. Raises Http404."""
    role = roles_to_hand_out(actor).filter(pk=role_id, role__isnull=False).first()
    if role is None:
        raise Http404
    return role


def _page(request: HttpRequest, **changed: Any) -> HttpResponse:
    actor = require_administrator(request)
    listed = list(roles_to_hand_out(actor).order_by("role__tenant__name", "role__name"))
    renamed = changed.get("renamed", {})
    rows = [_row(actor, role) | {"rename": renamed.get(role.pk) or _name_form(role)} for role in listed]
    context = {"roles": rows, "form": RoleForm(actor)}
    return render(request, "roles/list.html", context | changed, status=400 if changed else 200)


def _name_form(role: Group) -> RoleNameForm:
    return RoleNameForm(initial={"name": role_name(role)}, auto_id=f"id_{role.pk}_%s")


def _row(actor: User, role: Group) -> dict[str, Any]:
    """A role as the page shows it."""
    members = User.objects.filter(groups=role)
    if not actor.is_superuser:
        members = members.filter(tenant=actor.tenant_id)
    grants = RoleGrant.objects.filter(group=role).select_related("content_object", "permission")
    rights: dict[str, list[str]] = {}
    for grant in grants.order_by("content_object__slug", "permission__codename"):
        rights.setdefault(grant.content_object.slug, []).append(grant.permission.codename.partition("_")[0])
    names = list(members.order_by("username").values_list("username", flat=True)[: _MAX_MEMBERS + 1])
    return {
        "role": role,
        "name": role_name(role),
        "tenant": getattr(getattr(role, "role", None), "tenant", None),
        "is_own": hasattr(role, "role"),
        "members": names[:_MAX_MEMBERS],
        "has_more_members": len(names) > _MAX_MEMBERS,
        "rights": sorted(rights.items()),
    }
