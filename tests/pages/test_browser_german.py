"""The pages in German: no English text is left, and the longer words fit on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.messages.catalogs import load, paths
from tests.pages.browser import horizontal_overflow, responsive_accessibility_errors, unfold
from tests.server import Client, RunningServer

#: What people see or hear: texts, names, and hints.
TEXTS = """() => {
    const NO_TEXT = "script, style, template, code, pre, textarea, [lang]:not(html)";
    const texts = [document.title];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const hidden = walker.currentNode.parentElement.closest(NO_TEXT);
        if (!hidden) texts.push(walker.currentNode.textContent);
    }
    for (const name of ["aria-label", "alt", "title", "placeholder"])
        texts.push(...[...document.querySelectorAll(`[${name}]`)].map(element => element.getAttribute(name)));
    return texts.map(text => text.trim().replace(/\\s+/g, " ")).filter(Boolean);
}"""
WIDE = """[...document.querySelectorAll('main *')]
    .filter(element => element.getBoundingClientRect().right > document.documentElement.clientWidth)
    .map(element => element.outerHTML.slice(0, 90))"""
PAGES = {
    "/": "Übersicht",
    "/jobs": "Aufträge",
    "/reports": "Berichte",
    "/reports/sales-by-region": "Diesen Bericht ausführen",
    "/reports/sales-by-region/edit": "Bericht bearbeiten",
    "/reports/sales-by-region/versions": "Versionen",
    "/schedules": "Zeitpläne",
    "/schedules/new?report=sales-by-region": "Neuer Zeitplan",
    "/sources": "Datenquellen",
    "/connections": "Verbindungen",
    "/account": "Sprache und Region",
    "/people": "Personen",
    "/roles": "Rollen",
    "/identity": "Identitätsanbieter",
    "/audit": "Protokoll",
}


@cache
def english() -> re.Pattern[str]:
    """Whatever text would be different in German."""
    (path,) = (path for path in paths() if path.parent.parent.name == "de")
    pairs = []
    for message in load(path):
        if message.id:
            ids, strings = ((part if isinstance(part, tuple) else (part,)) for part in (message.id, message.string))
            pairs += zip(ids, strings, strict=True)
    different = {_pattern(source) for source, text in pairs if source != text and re.search("[A-Za-z]{3}", source)}
    # A text that would be found in any other says nothing.
    return re.compile("|".join(pattern for pattern in different if not re.fullmatch(r"(\.\+|\W)*", pattern)))


def _pattern(source: str) -> str:
    parts = re.split(r"%\(\w+\)[sd]|{\w*}", re.sub("<[^>]+>", "", source).replace("%%", "%"))
    return ".+".join(re.escape(" ".join(part.split(" "))) for part in parts)


def english_texts(page: Page) -> list[str]:
    return [text for text in page.evaluate(TEXTS) if english().fullmatch(text)]


def read_german(page: Page, path: str) -> None:
    page.set_extra_http_headers({"Accept-Language": "de"})
    page.goto(path)


def test_english_texts_are_found(visit: Callable[..., Page]) -> None:
    page = visit("alice", "/jobs")
    assert {"Sign out", "Jobs"} <= set(english_texts(page))


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_german_and_fits_on_a_phone(visit: Callable[..., Page], path: str) -> None:
    page = visit("alice")
    read_german(page, path)
    expect(page.get_by_role("heading", name=PAGES[path]).first).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "de"
    unfold(page)
    assert english_texts(page) == []
    page.set_viewport_size({"width": 320, "height": 800})
    assert horizontal_overflow(page) <= 0, page.evaluate(WIDE)


@pytest.mark.parametrize("outcome", ["Erfolgreich", "Fehlgeschlagen"])
def test_a_job_is_german(visit: Callable[..., Page], bob: Client, outcome: str) -> None:
    job = bob.generate("sales-by-region" if outcome == "Erfolgreich" else "broken")
    bob.wait(job)
    page = visit("alice")
    read_german(page, f"/jobs/{job}")
    expect(page.get_by_text(outcome).first).to_be_visible()
    unfold(page)
    assert english_texts(page) == []
    errors = responsive_accessibility_errors(page, outcome)
    assert horizontal_overflow(page) <= 0, page.evaluate(WIDE)
    assert errors == []


def test_a_visitor_chooses_the_language_and_a_user_keeps_it(chromium: Browser, server: RunningServer) -> None:
    context = chromium.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/login")
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
    assert english_texts(page) == []
    page.get_by_label("Benutzername").fill("judy")
    page.get_by_label("Passwort").fill("judy-password-1")
    page.get_by_role("button", name="Anmelden").click()
    page.goto("/account")
    page.get_by_label("Sprache").select_option(label="Deutsch")
    page.get_by_label("Zeitzone").fill("Europe/Berlin")
    page.get_by_role("button", name="Speichern").click()
    expect(page.get_by_text("12.345 ·")).to_contain_text("(Berlin)")
    with chromium.new_context(base_url=server.url, locale="en-US") as other:
        signed_in = other.new_page()
        signed_in.goto("/login")
        signed_in.get_by_label("User name").fill("judy")
        signed_in.get_by_label("Password").fill("judy-password-1")
        signed_in.get_by_role("button", name="Sign in").click()
        expect(signed_in.get_by_role("heading", name="Übersicht")).to_be_visible()
    page.get_by_label("Sprache").select_option(label="Wie im Browser")
    page.get_by_label("Zeitzone").fill("")
    page.get_by_role("button", name="Speichern").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    context.close()
