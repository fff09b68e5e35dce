"""Where the rows of a data source come from: the rules for paths and URLs that people enter."""

from __future__ import annotations

from pathlib import Path

from reports.definitions import SERVERS
from reports.definitions.accounts_and_sources import url_error
from reports.definitions.errors import FieldErrors
from reports.exceptions import WrongKey
from reports.models import DataSource, location_rules, server_rules
from reports.uploads.storage import uploads_location


def set_place(source: DataSource, *, kind: str, location: str, url: str, is_uploads: bool = False) -> FieldErrors:
    """Set kind, path and URL of the source. Return what is wrong with them, by field; then it must not be saved.

    Without `url`, a server keeps the URL that is stored. A place that somebody changes is no longer the operator's.
    """
    if is_uploads or source.is_uploads:
        return _set_uploads(source, kind, location or url, is_uploads)
    errors: FieldErrors = {}
    if kind in SERVERS:
        if location:
            errors["location"] = ["A server has a connection URL, not a path."]
        if sentence := _new_url_error(source, kind, url):
            errors["url"] = [sentence]
        elif url:
            source.url = url
        source.location = ""
    else:
        if url:
            errors["url"] = ["A file or folder has a path, not a connection URL."]
        if (source.kind, source.location) != (kind, location):
            source.is_operators = False
        if sentence := _location_error(source, location):
            errors["location"] = [sentence]
        source.location = location
        # A source that was a server keeps no URL, and no password with it.
        source.url = ""
    source.kind = kind
    return errors


def _set_uploads(source: DataSource, kind: str, place: str, is_uploads: bool) -> FieldErrors:
    if kind != DataSource.Kind.FILES or not is_uploads or not (source._state.adding or source.is_uploads):
        return {"kind": ["Uploaded files can't become another kind of data source, or the other way round."]}
    if place and place != uploads_location(source):
        return {"location": ["Uploaded files have no path. The server keeps them."]}
    source.kind, source.is_uploads, source.location = kind, True, uploads_location(source)
    return {}


def _new_url_error(source: DataSource, kind: str, url: str) -> str | None:
    """Return what is wrong with the URL as it is to be."""
    try:
        stored = source.url
    except WrongKey:
        if not url:
            return "The stored URL can't be read with the server's keys. Enter it again."
        stored = ""
    effective = url or stored
    if (source.kind, stored) != (kind, effective):
        source.is_operators = False
    if not effective:
        return "Enter the connection URL."
    if sentence := url_error(kind, effective):
        return sentence
    rules = server_rules(kind, by_operator=source.is_operators)
    return rules.error(effective) if rules else None


def _location_error(source: DataSource, location: str) -> str | None:
    if not location:
        return "Enter the absolute path of the file or folder."
    if "\0" in location or not Path(location).is_absolute():
        return "Must be an absolute path."
    return location_rules(by_operator=source.is_operators).error(location)
