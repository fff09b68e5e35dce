from __future__ import annotations

from django.urls import path

from reports.editing import views

urlpatterns = [
    path("reports/new", views.new, name="report-new"),
    path("reports/<str:slug>/edit", views.edit, name="report-edit"),
    path("reports/<str:slug>/template", views.template, name="report-template"),
    path("reports/<str:slug>/delete", views.delete, name="report-delete"),
    path("reports/<str:slug>/versions", views.versions, name="report-versions"),
    path("reports/<str:slug>/versions/<int:number>/restore", views.restore, name="report-restore"),
]
