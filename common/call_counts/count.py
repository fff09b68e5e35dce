"""What counting a call returns."""

from __future__ import annotations

from typing import NamedTuple

WINDOW_SECONDS = 60


class Count(NamedTuple):
    """The calls of one caller in the current window."""

    used: int
    #: Seconds until the next window.
    resets_in: int
