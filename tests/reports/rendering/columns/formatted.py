"""A document with columns, for the tests of all formats."""

from __future__ import annotations

import dataclasses
from typing import Any

from reports.rendering import Document
from tests.reports.rendering.arrow_types import DOCUMENT


def document(**changes: Any) -> Document:
    return dataclasses.replace(DOCUMENT, **changes)
