"""Users of two tenants, as in the tests of pages."""

from __future__ import annotations

from tests.pages.conftest import acme, browse, globex, people

__all__ = ["acme", "browse", "globex", "people"]
