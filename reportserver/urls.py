"""Every address of the server; the only module that knows all apps."""

from __future__ import annotations

urlpatterns: list = []
