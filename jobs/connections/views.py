"""The connections page, for Administrators."""

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
from accounts.models import User
from common.exceptions import DomainError
from common.paging import paginate
from jobs.connections import actions, to_database
from jobs.connections.definitions import parse_connection
from jobs.connections.forms import ConnectionForm
from jobs.connections.models import Connection
from jobs.connections.permissions import connection_to_manage
from reports.definitions.errors import errors_in
from reports.exceptions import InvalidDefinition


@login_required
@require_safe
def connections(request: HttpRequest) -> HttpResponse:
    """List the connections of the tenant."""
    return _page(request)


@login_required
@require_POST
@sensitive_post_parameters("url", "private_key")
def new(request: HttpRequest) -> HttpResponse:
    """Create a connection."""
    actor = require_administrator(request)
    form = ConnectionForm(actor, request.POST)
    if form.is_valid() and (tenant := form.cleaned_data["tenant"] or actor.tenant):
        try:
            definition = parse_connection(form.entry() | {"tenant": tenant.slug})
            actions.create_connection(definition=definition, tenant=tenant, actor=actor)
        except InvalidDefinition as error:
            form.show_errors(errors_in(error))
        else:
            return _done(request, gettext("“%(name)s” was created."), definition.slug)
    return _page(request, form=form)


@login_required
@require_POST
@sensitive_post_parameters("url", "private_key")
def command(request: HttpRequest, key: str, command: str) -> HttpResponse:
    """Change or test a connection."""
    actor = require_administrator(request)
    connection = connection_to_manage(actor, key)
    try:
        match command:
            case "change":
                return _change(request, connection, actor)
            case "test":
                found = actions.test_connection(connection=connection, actor=actor)
                text = f"{connection.slug}: {gettext(found.message)}"
                (messages.success if found.ok else messages.error)(request, text)
            case _:
                raise Http404
    except DomainError as error:
        messages.error(request, f"{connection.slug}: {gettext(error.message)}")
    return redirect("connections")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, key: str) -> HttpResponse:
    """Ask for confirmation; POST deletes the connection, unless something uses it."""
    actor = require_administrator(request)
    connection = connection_to_manage(actor, key)
    if request.method != "POST":
        context = {
            "title": gettext("Delete connection"),
            "name": connection.slug,
            "consequence": gettext("Its URL and secrets are deleted. This can't be undone."),
            "back": resolve_url("connections"),
            "back_name": gettext("Connections"),
        }
        return render(request, "common/confirm_deletion.html", context)
    try:
        actions.delete_connection(connection=connection, actor=actor)
    except DomainError as error:
        messages.error(request, f"{connection.slug}: {gettext(error.message)}")
        return redirect("connections")
    return _done(request, gettext("“%(name)s” was deleted."), connection.slug)


def _change(request: HttpRequest, connection: Connection, actor: User) -> HttpResponse:
    form = ConnectionForm(actor, request.POST, connection=connection)
    if form.is_valid():
        try:
            definition = parse_connection(form.entry())
            actions.update_connection(connection=connection, definition=definition, actor=actor)
        except InvalidDefinition as error:
            form.show_errors(errors_in(error))
        else:
            return _done(request, gettext("“%(name)s” was changed."), definition.slug)
    return _page(request, changed=form)


def _done(request: HttpRequest, text: str, slug: str) -> HttpResponse:
    messages.success(request, text % {"name": slug})
    return redirect("connections")


def _page(
    request: HttpRequest, *, form: ConnectionForm | None = None, changed: ConnectionForm | None = None
) -> HttpResponse:
    """Render the page; with a form that was refused, with its errors."""
    actor = require_administrator(request)
    page = paginate(request, Connection.objects.in_tenant_of(actor).select_related("tenant"), "slug", "id")
    if changed and changed.connection not in page.rows:
        # It was changed on another page of the list.
        page.rows.insert(0, changed.connection)
    rows: list[dict[str, Any]] = [
        {
            "connection": connection,
            "grants": to_database.grants(connection),
            "form": changed if _is_of(changed, connection) else ConnectionForm(actor, connection=connection),
            "is_refused": _is_of(changed, connection),
        }
        for connection in page.rows
    ]
    context = {"page": page, "connections": rows, "form": form or ConnectionForm(actor)}
    return render(request, "jobs/connections.html", context, status=400 if form or changed else 200)


def _is_of(form: ConnectionForm | None, connection: Connection) -> bool:
    return form is not None and form.connection == connection
