"""The rows of a mapping while it is edited, such as those of columns by name: keys may be missing, or occur twice."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from reports.definitions.errors import FieldErrors, errors_in, from_pydantic, join_path

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

    @property
    def named(self) -> dict[str, Any]:
        """The rows as a mapping. Of rows with the same key, the first counts."""
        mapping: dict[str, Any] = {}
        for key, value in self:
            if key:
                mapping.setdefault(key, value)
        return mapping

    def errors(self, path: str, model: type[BaseModel] | None) -> FieldErrors:
        """Return the errors of the keys, and of the rows that `named` leaves out, by the path of their fields."""
        errors: FieldErrors = {}
        seen: set[str] = set()
        for at, (key, value) in enumerate(self):
            if not key or key in seen:
                row = f"{path}[{at}]"
                errors[f"{row}.{KEY}"] = [_TWICE if key else _NO_KEY]
                errors |= _errors_of_row(model, value, row) if model else {}
            seen.add(key)
        return errors


def _errors_of_row(model: type[BaseModel], value: Any, path: str) -> FieldErrors:
    try:
        model.model_validate(plain(value))
    except ValidationError as error:
        return {join_path(path, below): sentences for below, sentences in errors_in(from_pydantic(error)).items()}
    return {}


def plain(value: Any) -> Any:
    """Return the value with mappings in place of all their rows."""
    if isinstance(value, NamedRows):
        value = value.named
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value
