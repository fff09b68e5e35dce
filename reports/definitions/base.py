"""The base of every mapping in the definitions file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Definition(BaseModel):
    """A mapping of the file. Strict: text is never read as a number, and an unknown field is an error."""

    # pydantic's own messages must not quote values: somebody may put a password in the wrong field.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)
