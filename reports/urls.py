"""The pages of reports."""

from __future__ import annotations

from django.urls import path

from reports import views
from reports.catalogue import pages as catalogue
from reports.data_sources import pages as sources
from reports.editing import views as editing
from reports.uploads import pages as uploads

urlpatterns = [
    path("relative-date", views.relative_date, name="relative-date"),
    path("reports", catalogue.report_list, name="reports"),
    # Before the page of a report: no report can have the slug "new".
    path("reports/new", editing.new, name="report-new"),
    path("reports/<str:slug>", views.report, name="report"),
    path("reports/<str:slug>/choices/<str:name>", views.choices, name="report-choices"),
    path("reports/<str:slug>/favorite", catalogue.favorite, name="report-favorite"),
    path("reports/<str:slug>/rules", views.rules, name="report-rules"),
    path("reports/<str:slug>/edit", editing.edit, name="report-edit"),
    path("reports/<str:slug>/duplicate", editing.duplicate, name="report-duplicate"),
    path("reports/<str:slug>/template", editing.template, name="report-template"),
    path("reports/<str:slug>/delete", editing.delete, name="report-delete"),
    path("reports/<str:slug>/versions", editing.versions, name="report-versions"),
    path("reports/<str:slug>/versions/<int:number>/restore", editing.restore, name="report-restore"),
    path("sources", sources.source_list, name="sources"),
    path("query-tables", sources.query_tables, name="query-tables"),
    path("sources/new", sources.new, name="source-new"),
    path("sources/<str:key>", sources.source, name="source"),
    path("sources/<str:key>/edit", sources.edit, name="source-edit"),
    path("sources/<str:key>/test", sources.test, name="source-test"),
    path("sources/<str:key>/tables", sources.tables, name="source-tables"),
    path("sources/<str:key>/delete", sources.delete, name="source-delete"),
    path("sources/<str:key>/upload", uploads.upload, name="source-upload"),
    path("sources/<str:key>/files/<str:table>/delete", uploads.delete, name="source-file-delete"),
    path("sources/<str:key>/files/<str:table>/<int:number>/restore", uploads.restore, name="source-file-restore"),
]
