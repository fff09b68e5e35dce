"""Domains of e-mail addresses."""

from __future__ import annotations

import re

NO_DOMAIN = "Must be a domain like example.com, without @ and *."
_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.IGNORECASE)


def is_domain(name: str) -> bool:
    return bool(_DOMAIN.fullmatch(name))
