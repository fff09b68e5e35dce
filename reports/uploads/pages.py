"""What the page of a source of uploads does with files."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.base import File
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from accounts.caller import caller
from reports.definitions.errors import errors_in
from reports.exceptions import DryRunBusy, InvalidDefinition, TableNotFound, UploadLost
from reports.models import DataSource
from reports.querysets import source_key
from reports.uploads import actions


@login_required
@require_POST
def upload(request: HttpRequest, key: str) -> HttpResponse:
    """Store the file of the form, whose tables are new or replace those of the same name."""
    source = DataSource.objects.find_administered(caller(request), key)
    file = request.FILES.get("file")
    if file is None:
        messages.error(request, gettext("Choose a file."))
    else:
        _upload(request, source, file)
    return redirect("source", source_key(caller(request), source))


def _upload(request: HttpRequest, source: DataSource, file: File[bytes]) -> None:
    table = request.POST.get("table", "").strip()
    try:
        stored = actions.upload_file(
            source=source, filename=file.name or "", chunks=file.chunks(), table=table, actor=caller(request)
        )
    except InvalidDefinition as error:
        sentences = [gettext(sentence) for found in errors_in(error).values() for sentence in found]
        messages.error(request, " ".join(sentences))
    except DryRunBusy as error:
        messages.error(request, gettext(error.message))
    else:
        for version in stored:
            text = gettext("Table %(name)s: version %(number)s with %(rows)s rows.")
            shown = {"name": version.table, "number": version.number, "rows": f"{version.rows:,}"}
            messages.success(request, text % shown)


@login_required
@require_POST
def restore(request: HttpRequest, key: str, table: str, number: int) -> HttpResponse:
    """Store an earlier version of a table again."""
    source = DataSource.objects.find_administered(caller(request), key)
    try:
        file = actions.restore_file(source=source, table=_name(table), number=number, actor=caller(request))
    except UploadLost as error:
        messages.error(request, gettext(error.message))
    else:
        text = gettext("Version %(number)s restored as version %(new)s.") % {"number": number, "new": file.number}
        messages.success(request, text)
    return redirect("source", source_key(caller(request), source))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, key: str, table: str) -> HttpResponse:
    """Ask for confirmation; POST deletes a table with its versions."""
    source = DataSource.objects.find_administered(caller(request), key)
    if request.method != "POST":
        if not source.files.filter(table=_name(table)).exists():
            raise TableNotFound
        context = {
            "title": gettext("Delete table"),
            "name": table,
            "consequence": gettext("All its versions are deleted. Reports that read it fail. This can't be undone."),
            "back": resolve_url("source", source_key(caller(request), source)),
            "back_name": source.slug,
        }
        return render(request, "common/confirm_deletion.html", context)
    actions.delete_table(source=source, table=_name(table), actor=caller(request))
    messages.success(request, gettext("Table “%(name)s” was deleted.") % {"name": table})
    return redirect("source", source_key(caller(request), source))


def _name(text: str) -> str:
    """The name of a table in a path, without NUL, which PostgreSQL refuses to look for."""
    return text.replace("\0", " ")
