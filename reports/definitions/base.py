"""The base of every mapping in the definitions file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

#: More than any mapping has. pydantic keeps kilobytes for each unknown field, of which a body may have 100,000.
_MAX_FIELDS = 100


class Definition(BaseModel):
    """A mapping of the file. Strict: text is never read as a number, and an unknown field is an error."""

    # pydantic's own messages must not quote values: somebody may put a password in the wrong field.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _check_size(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and len(data) > _MAX_FIELDS:
            raise ValueError(f"Must have at most {_MAX_FIELDS} fields.")
        return data
