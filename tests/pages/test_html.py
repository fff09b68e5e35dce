"""The HTML helper of the page tests."""

from __future__ import annotations

import re

import pytest

from tests.pages.html import Page

PAGE = Page("""<!doctype html>
<title>A page</title>
<h1>Sales <i>north</i></h1>
<nav aria-label="Main"><a href="/a">First</a> <a href="/b"><svg aria-hidden="true"></svg>Second</a> <a>No link</a></nav>
<form id="edit">
  <input type="hidden" name="token" value="t">
  <label for="name">Name</label>
  <input id="name" name="name" value="x" aria-invalid="true" aria-describedby="name-help">
  <p id="name-help">Must not be <b>empty</b>.</p>
  <label for="query">Query</label><textarea id="query" name="query">

select 1
</textarea>
  <label><input type="checkbox" name="on">Switch</label>
  <fieldset><legend>Days</legend>
    <label><input type="checkbox" name="day" value="mon" checked>Monday</label>
    <label><input type="checkbox" name="day" value="tue">Tuesday</label></fieldset>
  <select name="kind" aria-label="Kind"><option value="a">One</option><option value="b" selected>Two</option></select>
  <select name="rest" aria-label="Rest" multiple><option>x</option></select>
  <button name="do" value="save">Save</button>
</form>
<table><caption>Jobs</caption><tr><th scope="row">1</th><td>Done</td></tr></table>
<dl><dt>Version</dt><dd>3</dd></dl>
<script>Nobody reads this.</script>""")


def test_elements_are_found_by_role_and_name() -> None:
    assert PAGE.title == "A page"
    assert PAGE.get("heading", "Sales north")
    assert [link["href"] for link in PAGE.get("navigation", "Main").all("link")] == ["/a", "/b"]
    assert PAGE.get("link", re.compile("Sec"))["href"] == "/b"
    assert PAGE.get("table", "Jobs").get("row", "1 Done").get("cell").text == "Done"
    assert not PAGE.has("button", "Delete")
    with pytest.raises(AssertionError, match=r"0 of role button .* there are \['Save'\]"):
        PAGE.get("button", "Delete")


def test_fields_are_found_by_their_label() -> None:
    name = PAGE.field("Name")
    assert (name.value, name.is_invalid, name.description) == ("x", True, "Must not be empty.")
    assert PAGE.field("Days").field("Monday").is_checked
    assert PAGE.field("Kind").options == {"a": "One", "b": "Two"}
    with pytest.raises(AssertionError, match="0 fields are labeled 'Size'"):
        PAGE.field("Size")


def test_a_form_has_the_data_that_a_browser_submits() -> None:
    assert PAGE.get("form").form_data() == {
        "token": ["t"], "name": ["x"], "query": ["\r\nselect 1\r\n"], "day": ["mon"], "kind": ["b"],
    }  # fmt: skip


def test_text_is_what_people_read() -> None:
    assert "Nobody" not in PAGE.text
    assert PAGE.definitions() == {"Version": "3"}
