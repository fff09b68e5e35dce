"""What stands in a page, and in a form of it as a browser would send it back."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.test import Client

from reports.models import ReportConfiguration


class _Form(HTMLParser):
    """Collects the successful controls of one form."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.inside, self.found = form_id, False, dict[str, list[str]]()
        self.name, self.text, self.select = "", None, ""
        self.chosen: list[str] = []
        self.first = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.inside = given.get("id") == self.form_id
        if not self.inside:
            return
        if tag == "input":
            self._input(given)
        elif tag == "textarea":
            self.name, self.text = given["name"], ""
        elif tag == "select":
            self.select, self.chosen, self.first = given["name"], [], ""
        elif tag == "option" and self.select:
            self.first = self.first or given["value"]
            if "selected" in given:
                self.chosen.append(given["value"])

    def _input(self, given: dict[str, str]) -> None:
        if given.get("type") in ("checkbox", "radio") and "checked" not in given:
            return
        self._add(given["name"], given.get("value", "on"))

    def _add(self, name: str, value: str) -> None:
        self.found.setdefault(name, []).append(value)

    def handle_data(self, data: str) -> None:
        if self.text is not None:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "textarea" and self.text is not None:
            # A browser leaves out the first line end, and ends lines with CR LF.
            self._add(self.name, self.text.removeprefix("\n").replace("\n", "\r\n"))
            self.text = None
        elif tag == "select" and self.select:
            for value in self.chosen or [self.first]:
                self._add(self.select, value)
            self.select = ""


def text_of(client: Client, path: str) -> str:
    """The page at this address, which must be there."""
    answer = client.get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


def sent_back(page: str, form_id: str) -> dict[str, list[str]]:
    """The values that the form of this id has in the page."""
    parser = _Form(form_id)
    parser.feed(page)
    return parser.found


def shown(client: Client, slug: str) -> dict[str, Any]:
    """What the form that edits the report has in it."""
    answer = client.get(f"/reports/{slug}/edit")
    assert answer.status_code == 200
    return sent_back(answer.content.decode(), "editor")


def press(client: Client, data: dict[str, Any], do: str, slug: str = "small", **changed: Any) -> Any:
    """Send that form, with some fields changed, by one of its buttons."""
    given = {name: value for name, value in {**data, **changed, "do": do}.items() if value is not None}
    return client.post(f"/reports/{slug}/edit", given)


def version(report: ReportConfiguration) -> int:
    report.refresh_from_db()
    return report.version.number
