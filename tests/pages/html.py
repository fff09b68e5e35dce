"""Pages for tests: elements are found by their role and accessible name, as people and assistive technology find them.

    page = Page(client.get("/reports"))
    page.get("link", "Sales")["href"]
    page.get("table", "Reports").all("row")
    page.field("At least").value

The parser is html5lib, which builds the same tree as a browser. Names are computed as far as our pages need it
(https://www.w3.org/TR/accname-1.2/). CSS isn't taken into account, so text that it hides is found as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bs4 import BeautifulSoup, NavigableString, Tag

#: A name to look for: the whole name, or a pattern that is searched in it.
Name = str | re.Pattern[str]

_ROLES = {
    "a": "link",
    "article": "article",
    "button": "button",
    "caption": "caption",
    "dialog": "dialog",
    "fieldset": "group",
    "form": "form",
    "img": "img",
    "li": "listitem",
    "main": "main",
    "nav": "navigation",
    "ol": "list",
    "option": "option",
    "output": "status",
    "progress": "progressbar",
    "section": "region",
    "table": "table",
    "td": "cell",
    "textarea": "textbox",
    "tr": "row",
    "ul": "list",
} | dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "heading")
_INPUT_ROLES = {
    "button": "button",
    "checkbox": "checkbox",
    "hidden": "",
    "number": "spinbutton",
    "radio": "radio",
    "reset": "button",
    "search": "searchbox",
    "submit": "button",
}
_FIELD_ROLES = ("checkbox", "combobox", "group", "listbox", "radio", "searchbox", "spinbutton", "textbox")
#: Roles that are named by what they contain, if nothing else names them.
_NAMED_BY_CONTENT = (
    "button", "caption", "cell", "columnheader", "heading", "link", "listitem", "option", "row", "rowheader",
)  # fmt: skip
_INLINE = ("a", "b", "code", "del", "em", "i", "ins", "span", "strong", "time")
_INVISIBLE = ("script", "style", "template", "noscript", "head")


class Element:
    """An element of a page. `element["href"]` is an attribute, which must be there."""

    def __init__(self, tag: Tag) -> None:
        self.tag = tag

    def __repr__(self) -> str:
        return str(self.tag)

    def __getitem__(self, attribute: str) -> str:
        value = self.tag[attribute]
        return " ".join(value) if isinstance(value, list) else value

    def __contains__(self, attribute: str) -> bool:
        return attribute in self.tag.attrs

    # --- Finding ------------------------------------------------------------------------------------------------------

    def all(self, role: str, name: Name | None = None) -> list[Element]:
        """Return the elements of this role and name, in document order."""
        elements = [Element(tag) for tag in self.tag.find_all(True)]
        return [element for element in elements if element.role == role and _matches(name, element)]

    def get(self, role: str, name: Name | None = None) -> Element:
        """Return the only element of this role and name."""
        elements = self.all(role, name)
        if len(elements) != 1:
            names = [element.name for element in self.all(role)]
            raise AssertionError(f"{len(elements)} of role {role} are named {name!r}; there are {names}.")
        return elements[0]

    def has(self, role: str, name: Name | None = None) -> bool:
        return bool(self.all(role, name))

    def field(self, label: Name) -> Element:
        """Return the only form control, or group of controls, of this label."""
        fields = [element for role in _FIELD_ROLES for element in self.all(role, label)]
        if len(fields) != 1:
            labels = [element.name for role in _FIELD_ROLES for element in self.all(role)]
            raise AssertionError(f"{len(fields)} fields are labeled {label!r}; there are {labels}.")
        return fields[0]

    def definitions(self) -> dict[str, str]:
        """Return the terms of the description lists, with their texts."""
        terms = self.tag.find_all("dt")
        found = {}
        for term in terms:
            definition = term.find_next_sibling("dd")
            found[_text(term)] = _text(definition) if definition else ""
        return found

    def by_id(self, element_id: str) -> Element:
        """Return the element of this id, for regions that have no role."""
        tag = self.tag.find(id=element_id)
        assert isinstance(tag, Tag), f"There is no element {element_id}."
        return Element(tag)

    # --- What it is ---------------------------------------------------------------------------------------------------

    @property
    def role(self) -> str:
        explicit = self.tag.get("role")
        if isinstance(explicit, str) and explicit:
            return explicit
        name = self.tag.name
        if name == "input":
            return _INPUT_ROLES.get(str(self.tag.get("type", "text")), "textbox")
        if name == "select":
            return "listbox" if "multiple" in self else "combobox"
        if name == "th":
            return "rowheader" if self.tag.get("scope") == "row" else "columnheader"
        if name == "a" and "href" not in self:
            return ""
        return _ROLES.get(name, "")

    @property
    def name(self) -> str:
        """The accessible name."""
        if labelled_by := self._texts_of("aria-labelledby"):
            return labelled_by
        for attribute in ("aria-label", "alt"):
            if attribute in self:
                return _normalized(self[attribute])
        labels = self._labels()
        if labels:
            return " ".join(map(_text, labels))
        if self.tag.name in ("table", "fieldset"):
            title = self.tag.find("caption" if self.tag.name == "table" else "legend")
            return _text(title) if isinstance(title, Tag) else ""
        return self.text if self.role in _NAMED_BY_CONTENT else ""

    @property
    def text(self) -> str:
        """The text in it, with white space collapsed."""
        return _text(self.tag)

    @property
    def description(self) -> str:
        """The help and error texts of a control (aria-describedby)."""
        return self._texts_of("aria-describedby")

    @property
    def is_invalid(self) -> bool:
        return self.tag.get("aria-invalid") == "true"

    @property
    def is_checked(self) -> bool:
        return "checked" in self or self.tag.get("aria-checked") == "true"

    @property
    def value(self) -> str:
        """What the control contains; of a select, the chosen option's value."""
        return next(iter(_values(self.tag)), "")

    @property
    def options(self) -> dict[str, str]:
        """The texts of a select's options by value."""
        return {str(option.get("value", _text(option))): _text(option) for option in self.tag.find_all("option")}

    def form_data(self) -> dict[str, list[str]]:
        """Return the values that a browser would submit for this form, without a button's."""
        data: dict[str, list[str]] = {}
        for tag in self.tag.find_all(["input", "select", "textarea"]):
            if tag.get("name") and "disabled" not in tag.attrs and not _is_unchecked(tag):
                data.setdefault(str(tag["name"]), []).extend(_values(tag))
        return {name: values for name, values in data.items() if values}

    def _labels(self) -> list[Tag]:
        if self.tag.name not in ("input", "select", "textarea", "progress"):
            return []
        root = next(reversed(list(self.tag.parents)))
        labels = list(root.find_all("label", attrs={"for": self.tag["id"]})) if "id" in self else []
        around = self.tag.find_parent("label")
        return [*labels, around] if around else labels

    def _texts_of(self, attribute: str) -> str:
        root = next(reversed(list(self.tag.parents)), self.tag)
        tags = [root.find(id=element_id) for element_id in str(self.tag.get(attribute, "")).split()]
        return " ".join(_text(tag) for tag in tags if isinstance(tag, Tag))


class Page(Element):
    """A whole page, from a response or from its source."""

    def __init__(self, source: Any) -> None:
        self.source: str = source if isinstance(source, str) else source.content.decode()
        super().__init__(BeautifulSoup(self.source, "html5lib"))

    @property
    def title(self) -> str:
        title = self.tag.find("title")
        return _text(title) if isinstance(title, Tag) else ""


def _matches(name: Name | None, element: Element) -> bool:
    if name is None:
        return True
    return element.name == name if isinstance(name, str) else bool(name.search(element.name))


def _text(tag: Tag) -> str:
    return _normalized("".join(_pieces(tag)))


def _pieces(tag: Tag) -> Iterator[str]:
    if tag.name in _INVISIBLE or tag.get("aria-hidden") == "true":
        return
    # Blocks don't run into each other.
    gap = "" if tag.name in _INLINE else " "
    yield gap
    for child in tag.children:
        if type(child) is NavigableString:
            yield str(child)
        elif isinstance(child, Tag):
            yield from _pieces(child)
    yield gap


def _normalized(text: str) -> str:
    return " ".join(text.split())


def _values(tag: Tag) -> list[str]:
    if tag.name == "textarea":
        # Browsers end lines with CR LF.
        return [tag.get_text().replace("\r\n", "\n").replace("\n", "\r\n")]
    if tag.name == "select":
        options = tag.find_all("option")
        chosen = [option for option in options if "selected" in option.attrs]
        if not chosen and "multiple" not in tag.attrs:
            chosen = options[:1]
        return [str(option.get("value", _text(option))) for option in chosen]
    return [str(tag.get("value", "on" if tag.get("type") in ("checkbox", "radio") else ""))]


def _is_unchecked(tag: Tag) -> bool:
    if tag.get("type") in ("submit", "button", "reset", "image", "file"):
        return True
    return tag.get("type") in ("checkbox", "radio") and "checked" not in tag.attrs
