"""The tests of jobs and pages that run in one process, over a PostgreSQL server of their own: `make postgresql`."""

from __future__ import annotations

import os
import sys

import pytest

from tests.postgres import postgres_server

_TESTS = (
    "tests/jobs", "tests/pages", "tests/audit", "tests/accounts", "tests/common",
    "tests/reportserver/auth", "tests/reportserver/test_admin.py",
)  # fmt: skip
#: What starts servers, whose database is a file.
_OTHERS = ("tests/pages/test_browser*.py", "tests/pages/test_firefox.py")


def main() -> int:
    """Take pytest's arguments, and end with its exit code."""
    ignored = [f"--ignore-glob={pattern}" for pattern in _OTHERS]
    with postgres_server() as url:
        os.environ["REPORTSERVER_DATABASE_URL"] = url
        return pytest.main([*_TESTS, "-p", "no:cacheprovider", *ignored, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
