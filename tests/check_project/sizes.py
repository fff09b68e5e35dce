"""Limits on the size of functions, files and packages."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.check_project.sources import LAYERS, python_files
from tests.server import ROOT

MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 400
MAX_MODULES = 15
#: Packages that may hold more modules, each with the reason.
LARGE_PACKAGES: dict[str, str] = {}


def errors() -> Iterator[str]:
    yield from _long_files()
    yield from _long_functions()
    yield from _large_packages()


def summary() -> str:
    lengths = sorted(length for _, _, length in _functions())
    return (
        f"{len(lengths):,} functions: median {statistics.median(lengths):g} lines, "
        f"90% at most {lengths[int(0.9 * len(lengths))]}, longest {lengths[-1]}."
    )


def _long_files() -> Iterator[str]:
    for path in python_files(*LAYERS, "client", "tests", "bench"):
        if (lines := path.read_text().count("\n")) > MAX_FILE_LINES:
            yield f"{path.relative_to(ROOT)} has {lines} lines; the limit is {MAX_FILE_LINES}."


def _long_functions() -> Iterator[str]:
    for path, name, length in _functions():
        if length > MAX_FUNCTION_LINES:
            yield f"{path.relative_to(ROOT)}: {name} has {length} lines; the limit is {MAX_FUNCTION_LINES}."


def _functions() -> Iterator[tuple[Path, str, int]]:
    """File, name and number of lines of every function and method of the product and its client."""
    for path in python_files(*LAYERS, "client"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def _large_packages() -> Iterator[str]:
    """`__init__.py` doesn't count: it is the package itself."""
    modules: dict[Path, int] = {}
    for path in python_files(*LAYERS, "client", "bench"):
        if path.name != "__init__.py":
            modules[path.parent] = modules.get(path.parent, 0) + 1
    for folder, count in modules.items():
        name = str(folder.relative_to(ROOT))
        if count > MAX_MODULES and name not in LARGE_PACKAGES:
            yield f"{name}/ holds {count} modules; the limit is {MAX_MODULES}. Divide it by subject."
