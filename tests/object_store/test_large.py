"""Results of more than 100 MB in an object store: streamed in flat memory, resumed, and in nobody's way."""

from __future__ import annotations

import pytest

from tests.acceptance.test_us096_storage import (  # noqa: F401
    large,
    test_us096_ac001_a_large_download_does_not_block_other_calls,
    test_us096_ac001_a_large_result_is_streamed,
    test_us096_ac001_an_interrupted_download_can_be_resumed,
)

pytestmark = pytest.mark.chaos
