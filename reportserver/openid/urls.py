from __future__ import annotations

from django.urls import path

from reportserver.openid import page, views

urlpatterns = [
    path("login/<slug:tenant>/<slug:slug>", views.begin, name="provider-sign-in"),
    path("login/<slug:tenant>/<slug:slug>/callback", views.callback, name="provider-callback"),
    path("account/identities/link", views.begin_link, name="account-link"),
    path("account/identities/<str:identity_id>/unlink", views.unlink, name="account-unlink"),
    path("identity", page.providers, name="identity"),
    path("identity/new", page.new_provider, name="identity-new"),
    path("identity/<str:provider_id>", page.change_provider, name="identity-provider"),
    path("identity/<str:provider_id>/delete", page.remove_provider, name="identity-delete"),
    path("identity/<str:provider_id>/<str:command>", page.command, name="identity-command"),
]
