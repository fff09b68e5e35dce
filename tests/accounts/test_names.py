"""Names that are the same to people, and names that nobody may take."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from accounts.models import Tenant, User
from accounts.names import comparable, is_reserved

RESERVED = [
    "system",
    "SYSTEM",
    "\uff53ystem",
    "\u017fystem",
    " System ",
    "operator",
    "Operator:root",
    "unknown",
    "server",
]


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("val", "\uff56al", True), ("val", "VAL", True), ("val", " val\u2003", True), ("stra\xdfe", "STRASSE", True),
        ("K", "\u212a", True), ("\u0390", "\u0399\u0308\u0301", True), ("val", "va1", False), ("a.b", "ab", False),
    ],
)  # fmt: skip
def test_names_are_compared_as_people_read_them(name: str, other: str, same: bool) -> None:
    assert (comparable(name) == comparable(other)) is same


@pytest.mark.parametrize("name", RESERVED)
def test_nobody_can_be_created_with_a_reserved_name(db: None, name: str) -> None:
    acme = Tenant.objects.create(slug="acme")
    for create in (User.objects.create_user, User.objects.create):
        with pytest.raises(ValidationError, match="This name isn't available"):
            create(username=name, tenant=acme)
    with pytest.raises(ValidationError, match="This name isn't available"):
        User(username=name, tenant=acme, password="x").full_clean()
    with pytest.raises(CommandError, match=r"This name isn't available|Enter a valid username"):
        call_command("createsuperuser", username=name, email="", interactive=False)


@pytest.mark.parametrize("name", ["systems", "my-system", "admin", "val", "sys.tem"])
def test_other_names_are_free(name: str) -> None:
    assert not is_reserved(name)


def test_a_user_who_has_had_the_name_for_longer_can_still_be_changed(db: None) -> None:
    user = User.objects.create_superuser("root", password="x")
    User.objects.update(username="system")
    user.refresh_from_db()
    user.is_active = False
    user.full_clean()
    user.save()
    other = User.objects.create_superuser("other", password="x")
    other.username = "operator"
    with pytest.raises(ValidationError, match="This name isn't available"):
        other.full_clean()
