"""Loads once what every child of a dry run would load again."""

from __future__ import annotations

from common.children.messages import result_type
from reports import rendering, sources
from reports.choices.tasks import find, problems
from reports.data_sources.tasks import list_tables
from reports.dry_run import tasks
from reports.dry_run.html_document import preview_html
from reports.kept_rows import page
from reports.kept_rows.comparison import compare
from reports.kept_rows.mail_preview import mail_preview
from reports.uploads.tasks import inspect_upload

rendering.preload()
sources.preload()
for _task in (
    tasks.describe,
    tasks.check_source,
    tasks.preview_rows,
    tasks.preview_document,
    tasks.check_syntax,
    preview_html,
    find,
    problems,
    list_tables,
    inspect_upload,
):
    result_type(_task)
result_type(tasks.read_rows)
for _page in (page.json_page, page.text_page, mail_preview, compare):
    result_type(_page)
