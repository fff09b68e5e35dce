"""Templates obey the layers that `pyproject.toml` sets for imports.

A template may load tag libraries, include and extend templates only of its own app's layer or of a lower one. So may
Python code that names a template.

* `templates/APP/…` and `templates/admin/APP/…` belong to that app.
* Other templates directly in `templates/` belong to reportserver, except those that an app's templates include or
  extend (the page's frame, messages, pager …): every app uses them, so they belong to common.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from django.template.base import Lexer, TokenType

from tests.check_project.sources import LAYERS, is_above, python_files
from tests.server import ROOT


def errors() -> Iterator[str]:
    templates = _templates()
    owners = _owners(templates)
    libraries = _libraries()
    for name, uses in templates.items():
        for tag, used in uses:
            user = owners[name]
            owner = libraries.get(used) if tag == "load" else owners.get(used)
            if owner and is_above(owner, user):
                yield f"templates/{name} belongs to {user}; it must not {tag} {used}, which belongs to {owner}."
    for path in python_files(*LAYERS):
        file = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text())):
            owner = owners.get(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
            if owner and is_above(owner, path.relative_to(ROOT).parts[0]):
                yield f"{file} must not use the template {node.value}, which belongs to {owner}."


def _templates() -> dict[str, list[tuple[str, str]]]:
    """By template, what it uses: the tag and the name of a tag library or template."""
    files = sorted((ROOT / "templates").rglob("*.html"))
    return {str(path.relative_to(ROOT / "templates")): list(_uses(path.read_text())) for path in files}


def _uses(source: str) -> Iterator[tuple[str, str]]:
    for token in Lexer(source).tokenize():
        tag, *words = token.split_contents() if token.token_type == TokenType.BLOCK else [""]
        if tag == "load":
            names = words[words.index("from") + 1 :] if "from" in words else words
            yield from (("load", name) for name in names)
        elif tag in ("include", "extends") and words[0][0] in "'\"":
            yield tag, words[0].strip("'\"")


def _owners(templates: dict[str, list[tuple[str, str]]]) -> dict[str, str]:
    owners = {}
    for name in templates:
        folders = name.removeprefix("admin/").split("/")[:-1]
        owners[name] = folders[0] if folders and folders[0] in LAYERS else "reportserver"
    shared = [name for name in templates if owners[name] != "reportserver"]
    for name in shared:
        for tag, used in templates[name]:
            if tag != "load" and owners.get(used) == "reportserver" and used not in shared:
                owners[used] = "common"
                # What it includes and extends is shared as well.
                shared.append(used)
    return owners


def _libraries() -> dict[str, str]:
    """The app of every tag library of the product."""
    return {path.stem: app for app in LAYERS for path in (ROOT / app / "templatetags").glob("*.py")}
