"""Filling in and submitting the edit form, as a browser does."""

from __future__ import annotations

from typing import Any

from django.test import Client

from reports.models import ReportConfiguration
from tests.pages.html import Element, Page

FormData = dict[str, list[str]]


def get_page(client: Client, path: str) -> Page:
    """Return the page, which must be there."""
    response = client.get(path)
    assert response.status_code == 200
    return Page(response)


def form_data(page: Any, form_id: str = "editor") -> FormData:
    """Return what the form in the page (or response) contains."""
    return (page if isinstance(page, Element) else Page(page)).by_id(form_id).form_data()


def edit_form(client: Client, slug: str) -> FormData:
    """Return what the form that edits the report contains."""
    return form_data(get_page(client, f"/reports/{slug}/edit"))


def submit(client: Client, data: dict[str, Any], command: str, slug: str = "small", **changed: Any) -> Any:
    """Submit the form, with some fields changed, by the button of this command."""
    return client.post(f"/reports/{slug}/edit", {**data, **changed, "do": command})


def as_yaml(name: str, text: str) -> FormData:
    """Return what the form contains of a field that is edited as YAML."""
    return {name: [text], f"{name}.as": ["yaml"]}


def version_number(report: ReportConfiguration) -> int:
    report.refresh_from_db()
    return report.version.number


def current_entry(report: ReportConfiguration) -> dict[str, Any]:
    """Return the report's definition as it is stored now."""
    from reports.definitions.from_database import definition_of

    report.refresh_from_db()
    return definition_of(report).entry()
