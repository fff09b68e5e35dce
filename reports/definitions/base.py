"""What every mapping of the definitions file has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Definition(BaseModel):
    """A mapping of the file. Strict: a text is never read as a number, and an unknown field is an error."""

    # Inputs stay out of pydantic's own messages: somebody may put a password where it does not belong.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)
