"""docs/architecture.md shows the packages that are in the repository, and no others, and names files that are there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.check_project.sources import LAYERS, python_files
from tests.server import ROOT

_DOCUMENT = ROOT / "docs" / "architecture.md"
#: A line of the tree: indentation, then folders that end with a slash.
_LINE = re.compile(r"( *)((?:[a-z_/]+/ +)*[a-z_/]+/)(?: |$)")


def errors() -> Iterator[str]:
    shown = {folder for folder in shown_folders(_DOCUMENT.read_text()) if folder.split("/")[0] in LAYERS}
    packages = {str(path.parent.relative_to(ROOT)) for path in python_files(*LAYERS)}
    # `management` holds only `commands`, which the tree shows in one line.
    packages = {name for name in packages if not name.endswith("/management")}
    for package in sorted(packages - shown):
        yield f"docs/architecture.md doesn't show {package}/."
    for folder in sorted(shown - packages):
        yield f"docs/architecture.md shows {folder}/, which is not a package."
    modules = [f"/{path.relative_to(ROOT)}" for path in python_files(*LAYERS)]
    for name in re.findall(r"`([a-z0-9_/]+\.py)`", _DOCUMENT.read_text()):
        if not any(module.endswith(f"/{name}") for module in modules):
            yield f"docs/architecture.md names {name}, which does not exist."


def shown_folders(text: str) -> Iterator[str]:
    """The paths of the folders in the tree at the top of a document."""
    tree = text.split("```")[1]
    parents: list[str] = []
    for line in tree.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        depth = len(match[1]) // 2
        names = [name.rstrip("/") for name in match[2].split()]
        parents[depth:] = [names[-1]]
        yield from ("/".join([*parents[:depth], name]) for name in names)
