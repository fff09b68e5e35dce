"""The language, time zone and number format on the account page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from tests.pages.html import Page

pytestmark = pytest.mark.django_db(databases="__all__")

Browse = Callable[[str], Client]
CHOSEN = {"language": "en", "time_zone": "Europe/Berlin", "locale": "de-DE"}


def test_a_choice_is_saved_and_applies_at_once(people: dict[str, User], browse: Browse) -> None:
    bob = browse("bob")
    answer = bob.post("/account/localization", CHOSEN, follow=True)
    assert answer.redirect_chain == [("/account", 302)]
    page = answer.content.decode()
    assert "12.345" in page and "(Berlin)" in page
    assert User.objects.values("language", "time_zone", "locale").get(username="bob") == CHOSEN
    shown = Page(page)
    assert shown.field("Time zone")["value"] == "Europe/Berlin"
    assert shown.field("Numbers and dates as in")["value"] == "de-DE"
    assert User.objects.get(username="carol").time_zone == ""


def test_nothing_chosen_leaves_it_to_browser_and_organization(people: dict[str, User], browse: Browse) -> None:
    bob = browse("bob")
    bob.post("/account/localization", CHOSEN)
    assert bob.cookies["language"].value == "en"
    bob.post("/account/localization", {})
    assert not any(User.objects.values_list("language", "time_zone", "locale").get(username="bob"))
    assert bob.cookies["language"].value == ""


WRONG = {
    "language": ("xx", "The pages don't exist in this language."),
    "time_zone": ("Europe/Bärlin", "There is no such time zone. Use a name like Europe/Berlin"),
    "locale": ("german", "There is no such locale. Use a name like de-DE"),
}


@pytest.mark.parametrize("field", WRONG)
def test_a_wrong_entry_is_named_and_changes_nothing(field: str, people: dict[str, User], browse: Browse) -> None:
    value, sentence = WRONG[field]
    answer = browse("bob").post("/account/localization", CHOSEN | {field: value})
    assert answer.status_code == 400
    (error,) = answer.context["localization_form"].errors[field]
    assert error.startswith(sentence)
    assert field == "language" or f'value="{value}"' in answer.content.decode(), "the input stays"
    assert not any(User.objects.values_list("language", "time_zone", "locale").get(username="bob"))


def test_a_visitor_signs_in_first(db: None) -> None:
    assert Client().post("/account/localization")["Location"] == "/login?next=/account/localization"
