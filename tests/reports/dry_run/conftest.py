"""The sample's reports over a data source with one flight."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import Group

from accounts.models import Tenant, User
from tests.reports.definitions.sample_file import apply_definitions, create_flights


@pytest.fixture
def stored_reports(tmp_path: Path) -> None:
    create_flights(tmp_path)
    apply_definitions(tmp_path)
    other = Tenant.objects.create(slug="other", name="Other")
    User.objects.create_user("erin", tenant=other).groups.add(Group.objects.get(name="Administrator"))
