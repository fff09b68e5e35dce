"""Run the tests that use the database in pytest's own process over PostgreSQL: `make postgresql`.

Tests that start servers are left out: their servers have databases of their own, and they run in `make test`.
"""

from __future__ import annotations

import os
import sys

import pytest

from tests.postgres import postgres_server

#: Fixtures that give a test the database, and fixtures that start a server.
_DATABASE = {"db", "transactional_db"}
_SERVERS = {"prepared"}


class _Selection:
    """A pytest plugin that deselects all other tests."""

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        selected = [item for item in items if self._is_selected(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in selected])
        items[:] = selected

    def _is_selected(self, item: pytest.Item) -> bool:
        fixtures = set(getattr(item, "fixturenames", ()))
        uses_database = item.get_closest_marker("django_db") is not None or fixtures & _DATABASE
        return bool(uses_database) and not fixtures & _SERVERS


def main() -> int:
    """Run pytest with the arguments of the command line. Returns its exit code."""
    with postgres_server() as url:
        os.environ["REPORTSERVER_DATABASE_URL"] = url
        os.environ["REPORTSERVER_DEPLOYMENT_ID"] = "tests"
        arguments = ["tests", "--ignore=tests/faults", "-p", "no:cacheprovider", *sys.argv[1:]]
        return int(pytest.main(arguments, plugins=[_Selection()]))


if __name__ == "__main__":
    sys.exit(main())
