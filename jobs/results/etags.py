"""What a client has already (RFC 9110, section 13.1.2)."""

from __future__ import annotations

from django.utils.http import parse_etags


def has_it(if_none_match: str | None, etag: str) -> bool:
    """Whether the header names this tag, by weak comparison: a weak tag and a strong one of the same text are alike."""
    tags = parse_etags(if_none_match or "")
    return "*" in tags or etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in tags}
