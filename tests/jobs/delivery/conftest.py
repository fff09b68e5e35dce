"""Targets of deliveries: real mail and web servers, and a folder."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from reports.models import ReportConfiguration
from reports.targets.models import DeliveryTarget
from tests.jobs.delivery.helpers import AddTarget
from tests.sinks import Calls, Mails, call_sink, mail_sink


@pytest.fixture
def add_target(report: ReportConfiguration) -> AddTarget:
    """Add a delivery target to the report."""

    def add(kind: str, **options: Any) -> None:
        DeliveryTarget.objects.create(version=report.version, kind=kind, options=options)

    return add


@pytest.fixture
def mails(settings: Any) -> Iterator[Mails]:
    with mail_sink() as sink:
        settings.EMAIL_BACKEND = "jobs.delivery.senders.smtp.EmailBackend"
        settings.EMAIL_CONFIGURED, settings.EMAIL_HOST, settings.EMAIL_PORT = True, "127.0.0.1", sink.port
        yield sink


@pytest.fixture
def calls(settings: Any) -> Iterator[Calls]:
    settings.WEBHOOK_ALLOW = [ip_network("127.0.0.0/8")]
    with call_sink() as sink:
        yield sink


@pytest.fixture
def share(settings: Any, tmp_path: Path) -> Path:
    """The file share, empty."""
    folder = tmp_path / "share"
    folder.mkdir()
    settings.FILE_SHARE = folder
    return folder
