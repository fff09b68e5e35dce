"""Users, reports and jobs, as in the tests of pages."""

from __future__ import annotations

from tests.pages.conftest import acme, browse, globex, make_job, people, report, root

__all__ = ["acme", "browse", "globex", "make_job", "people", "report", "root"]
