"""No module may import itself through others, not even inside one app.

import-linter's layers keep apps apart; this check works on single modules. Imports inside functions count, since they
usually hide a cycle. Imports under `if TYPE_CHECKING` don't run, so they don't count.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator

from tests.check_project.sources import LAYERS, module_name, python_files


def errors() -> Iterator[str]:
    graph = _graph()
    for module in sorted(graph):
        cycle = _shortest_cycle(graph, module)
        # Each cycle is reported once, from its alphabetically first module.
        if cycle and min(cycle) == module:
            yield f"Import cycle: {' → '.join([*cycle, module])}."


def _graph() -> dict[str, set[str]]:
    """The modules of the product that each of its modules imports at run time."""
    files = {module_name(path): path for path in python_files(*LAYERS)}
    return {name: set(_imports(ast.parse(path.read_text()).body, files)) - {name} for name, path in files.items()}


def _imports(nodes: Iterable[ast.AST], modules: Collection[str]) -> Iterator[str]:
    """Those of `modules` that these pieces of code import."""
    for node in nodes:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from _imports(node.orelse, modules)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                if submodule in modules:
                    yield submodule
                elif node.module in modules:
                    yield node.module
        else:
            yield from _imports(ast.iter_child_nodes(node), modules)


def _shortest_cycle(graph: dict[str, set[str]], start: str) -> list[str] | None:
    """The modules of a shortest way from `start` back to itself; None if there is none."""
    ways = [[start]]
    seen: set[str] = set()
    for way in ways:
        for module in sorted(graph[way[-1]]):
            if module == start:
                return way
            if module not in seen:
                seen.add(module)
                ways.append([*way, module])
    return None
