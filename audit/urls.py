from __future__ import annotations

from django.urls import path

from audit import views

urlpatterns = [
    path("audit", views.entry_list, name="audit"),
    path("audit/verify", views.verify, name="audit-verify"),
    path("audit/export.<str:format>", views.export, name="audit-export"),
    path("audit/<int:sequence>", views.entry, name="audit-entry"),
]
