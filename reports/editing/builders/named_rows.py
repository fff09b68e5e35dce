"""The rows of a mapping while it is edited, such as those of columns by name: keys may be missing, or occur twice."""

from __future__ import annotations

from typing import Any

from reports.definitions.errors import FieldErrors

#: The field of a row with its key.
KEY = "column"
_NO_KEY = "Enter the name of the column."
_TWICE = "Duplicate of an earlier entry."


class NamedRows(list[list[Any]]):
    """Pairs of a key and a value, in the order of the page."""

    @classmethod
    def of(cls, value: Any) -> NamedRows:
        if isinstance(value, NamedRows):
            return value
        return cls([key, part] for key, part in value.items()) if isinstance(value, dict) else cls()

    def errors(self, path: str) -> FieldErrors:
        """Return what is wrong with the keys, by the path of their fields."""
        errors: FieldErrors = {}
        keys = [key for key, _ in self]
        for at, key in enumerate(keys):
            if not key:
                errors[f"{path}[{at}].{KEY}"] = [_NO_KEY]
            elif key in keys[:at]:
                errors[f"{path}[{at}].{KEY}"] = [_TWICE]
        return errors


def plain(value: Any) -> Any:
    """Return the value with mappings in place of all their rows."""
    if isinstance(value, NamedRows):
        return {key: plain(part) for key, part in value}
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value
