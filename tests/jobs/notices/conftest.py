"""A real mail server, as for deliveries."""

from __future__ import annotations

from tests.jobs.delivery.conftest import mails  # noqa: F401 - a fixture for the tests of this folder
