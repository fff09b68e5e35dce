from __future__ import annotations

from django.urls import path

from reportserver.identity import (
    account_page,
    localization_page,
    organization_page,
    people_page,
    person_page,
    roles_page,
)
from reportserver.identity.set_password import SetPassword

urlpatterns = [
    path("account", account_page.account, name="account"),
    path("account/password", account_page.password, name="account-password"),
    path("account/localization", localization_page.localize, name="account-localization"),
    path("account/sessions/end", account_page.end, name="account-end-sessions"),
    path("account/second-factor/begin", account_page.begin_second_factor, name="account-begin-factor"),
    path("account/second-factor/confirm", account_page.confirm_second_factor, name="account-confirm-factor"),
    path("account/second-factor/remove", account_page.remove_second_factor, name="account-remove-factor"),
    path("people", people_page.people, name="people"),
    path("people/new", people_page.new_person, name="person-new"),
    path("people/second-factor", organization_page.require_second_factor, name="people-second-factor"),
    path("people/<int:user_id>", person_page.person, name="person"),
    path("people/<int:user_id>/sessions/end", person_page.end_session, name="person-end-session"),
    path("people/<int:user_id>/keys/<str:key_id>/revoke", person_page.revoke, name="person-revoke-key"),
    path("people/<int:user_id>/<str:command>", people_page.change_person, name="person-command"),
    path("roles", roles_page.roles, name="roles"),
    path("roles/new", roles_page.new_role, name="role-new"),
    path("roles/<int:role_id>/rename", roles_page.rename, name="role-rename"),
    path("roles/<int:role_id>/delete", roles_page.remove_role, name="role-delete"),
    path("set-password/<uidb64>/<token>", SetPassword.as_view(), name="set-password"),
    path("account/keys", account_page.new_key, name="account-new-key"),
    path("account/keys/<str:key_id>/revoke", account_page.revoke, name="account-revoke-key"),
]
