"""Headers of downloads. The rest is tested through the API, in tests/acceptance/test_us096_*.py."""

from __future__ import annotations

import pytest

from jobs.results.downloads import content_disposition


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sales.csv", 'attachment; filename="sales.csv"'),
        (
            "Größe & Co.pdf",
            "attachment; filename=\"groe-co.pdf\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%26%20Co.pdf",
        ),
        (
            '日本 ".csv',
            "attachment; filename=\"report.csv\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC%20%22.csv",
        ),
    ],
)
def test_a_file_has_an_ascii_name_and_its_real_one(name: str, expected: str) -> None:
    assert content_disposition(name) == expected
