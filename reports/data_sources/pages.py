"""The pages of data sources, for Administrators."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.caller import HtmxHttpRequest, caller, require_administrator
from accounts.models import Tenant, User
from common.paging import paginate
from reports.data_sources import actions
from reports.data_sources.form import SourceForm
from reports.data_sources.tasks import SourceTable, SourceTables, TableColumn
from reports.data_sources.usage import uses_of
from reports.definitions import SERVERS
from reports.dry_run.results import SourceCheck
from reports.exceptions import DryRunBusy, InvalidDefinition, SourceInUse, WrongKey
from reports.models import DataSource
from reports.querysets import source_key
from reports.sources.catalog import quoted, searches_columns
from reports.uploads.models import UploadedFile

_FORM_METHODS = ["GET", "HEAD", "POST"]
_MAX_SEARCH = 100


@login_required
@require_safe
def source_list(request: HttpRequest) -> HttpResponse:
    """List the data sources of the tenant: whether they answered, and what uses them."""
    user = require_administrator(request)
    sources = DataSource.objects.in_tenant_of(user).select_related("tenant")
    page = paginate(request, sources, "slug", "id")
    uses = uses_of(page.rows)
    rows = [{"source": source, "key": source_key(user, source), "uses": uses[source.pk]} for source in page.rows]
    return render(request, "reports/sources/list.html", {"page": page, "rows": rows})


@login_required
@require_http_methods(_FORM_METHODS)
@sensitive_post_parameters("url")
def new(request: HttpRequest) -> HttpResponse:
    """Create a data source. A superuser chooses its tenant first."""
    user = require_administrator(request)
    tenant = user.tenant
    if user.is_superuser:
        tenant = Tenant.objects.filter(slug=request.GET.get("tenant", "").replace("\0", "")).first()
    if tenant is None:
        return render(request, "reports/sources/choose_tenant.html", {"tenants": Tenant.objects.order_by("name")})
    return _edit(request, DataSource(tenant=tenant, kind=DataSource.Kind.FILES))


@login_required
@require_http_methods(_FORM_METHODS)
@sensitive_post_parameters("url")
def edit(request: HttpRequest, key: str) -> HttpResponse:
    """Change a data source."""
    return _edit(request, _find(request, key))


def _edit(request: HttpRequest, source: DataSource) -> HttpResponse:
    user = caller(request)
    form = SourceForm(source, request.POST if request.method == "POST" else None)
    found: SourceCheck | None = None
    if request.method == "POST":
        try:
            if request.POST.get("do") == "test":
                found = actions.test_unsaved(source=source, body=form.body(), actor=user)
            else:
                return redirect("source", source_key(user, _save(request, source, form)))
        except InvalidDefinition as error:
            form.show_errors(error)
        except DryRunBusy as error:
            found = SourceCheck(gettext(error.message))
    context = {
        "form": form,
        "source": source,
        "is_new": source._state.adding,
        "key": source_key(user, source),
        "check": found,
        "servers": SERVERS,
        "folders": settings.SOURCE_FOLDERS,
        "driver_message": _driver_message(user, found),
    }
    return render(request, "reports/sources/edit.html", context, status=400 if form.errors else 200)


def _save(request: HttpRequest, source: DataSource, form: SourceForm) -> DataSource:
    """Save the form, and test what was saved. Raises InvalidDefinition."""
    user, body = caller(request), form.body()
    if source._state.adding:
        saved = actions.create_source(body=body, tenant=source.tenant, actor=user)
        messages.success(request, gettext("“%(name)s” was created.") % {"name": saved.slug})
    else:
        saved = actions.update_source(source=source, body=body, actor=user)
        messages.success(request, gettext("“%(name)s” was saved.") % {"name": saved.slug})
    _test(request, saved)
    return saved


@login_required
@require_safe
def source(request: HttpRequest, key: str) -> HttpResponse:
    """Show a data source: whether it answered, its tables, and what uses it."""
    found = _find(request, key)
    return render(request, "reports/sources/detail.html", _context(request, found))


@login_required
@require_POST
def test(request: HttpRequest, key: str) -> HttpResponse:
    """Ask the source whether it answers."""
    found = _find(request, key)
    if _test(request, found):
        messages.success(request, gettext("%(name)s works.") % {"name": found.slug})
    return redirect("source", source_key(caller(request), found))


@login_required
@require_safe
def tables(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Return the tables of the source that contain the text `q`, as a part of a page."""
    found, user = _find(request, key), caller(request)
    text = request.GET.get("q", "").strip()[:_MAX_SEARCH]
    listed = _browse(found, text, user)
    context = {"source": found, "key": source_key(user, found), "listed": listed, "text": text}
    context["searches_columns"] = searches_columns(found.kind)
    if user.is_superuser:
        context["driver_message"] = listed.driver_message
    template = "reports/sources/_tables.html" if request.htmx else "reports/sources/tables.html"
    return render(request, template, context)


@login_required
@require_safe
def query_tables(request: HttpRequest) -> HttpResponse:
    """Return the tables of the data source that the editor's form names, to be put into the query beside them."""
    user = require_administrator(request)
    tenant, slug, text = (request.GET.get(name, "").replace("\0", "") for name in ("tenant", "data_source", "q"))
    source = DataSource.objects.in_tenant_of(user).filter(tenant__slug=tenant, slug=slug).first()
    context: dict[str, Any] = {"source": source, "text": text[:_MAX_SEARCH]}
    if source is not None:
        listed = _browse(source, text.strip()[:_MAX_SEARCH], user)
        context |= {"listed": listed, "tables": _references(listed, source)}
    return render(request, "reports/sources/_query_tables.html", context)


def _browse(source: DataSource, text: str, user: User) -> SourceTables:
    try:
        return actions.browse_source(source=source, search=text, actor=user)
    except (DryRunBusy, WrongKey) as error:
        return SourceTables(fault=gettext(error.message))


def _references(listed: SourceTables, source: DataSource) -> list[tuple[SourceTable, list[tuple[TableColumn, str]]]]:
    """Return each table with its columns, and how a query writes each of these."""
    if not listed.tables:
        return []
    dialect = source.dialect
    return [(table, [(each, quoted(each.name, dialect)) for each in table.columns]) for table in listed.tables]


@login_required
@require_http_methods(_FORM_METHODS)
def delete(request: HttpRequest, key: str) -> HttpResponse:
    """Ask for confirmation; POST deletes the source, unless something uses it."""
    found = _find(request, key)
    if request.method == "POST":
        try:
            actions.delete_source(source=found, actor=caller(request))
        except SourceInUse:
            return render(request, "reports/sources/delete.html", _context(request, found), status=409)
        messages.success(request, gettext("“%(name)s” was deleted.") % {"name": found.slug})
        return redirect("sources")
    return render(request, "reports/sources/delete.html", _context(request, found))


def _find(request: HttpRequest, key: str) -> DataSource:
    return DataSource.objects.find_administered(caller(request), key)


def _context(request: HttpRequest, source: DataSource) -> dict[str, Any]:
    uses = uses_of([source])[source.pk]
    files: dict[str, list[UploadedFile]] = {}
    for file in source.files.order_by("table", "-number") if source.is_uploads else ():
        files.setdefault(file.table, []).append(file)
    return {
        "source": source,
        "key": source_key(caller(request), source),
        "uses": uses,
        "servers": SERVERS,
        "searches_columns": searches_columns(source.kind),
        "files": list(files.values()),
        "upload_megabytes": settings.UPLOAD_BYTES >> 20,
    }


def _test(request: HttpRequest, source: DataSource) -> bool:
    """Test the source, and show what is wrong with it. Returns whether it answered."""
    try:
        found = actions.test_source(source=source, actor=caller(request))
    except DryRunBusy as error:
        messages.warning(request, gettext(error.message))
        return False
    for sentence in found.warnings:
        messages.warning(request, f"{gettext(sentence)} {gettext('Use an account that can only read.')}")
    if message := _driver_message(caller(request), found):
        messages.error(request, message)
    return not found.error


def _driver_message(user: User, check: SourceCheck | None) -> str:
    # It may name hosts and paths of the network, which only operators may see.
    return check.driver_message if check and user.is_superuser else ""
