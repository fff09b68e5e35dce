"""Numbers and times are written as the reader of the page does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from babel.core import Locale
from django.utils import timezone

from common.localization.writing import clock_time, day, locale_of_language, number, writing, zone_name
from common.templatetags import format as formatting

AT = datetime(2013, 5, 6, 23, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("locale", "whole", "fraction", "date", "time"),
    [
        ("en_GB", "12,345", "1,234.5", "6 May 2013", "23:02:03"),
        ("en_US", "12,345", "1,234.5", "May 6, 2013", "11:02:03\N{NARROW NO-BREAK SPACE}PM"),
        ("de_DE", "12.345", "1.234,5", "6. Mai 2013", "23:02:03"),
        ("fr_FR", "12\u202f345", "1\u202f234,5", "6 mai 2013", "23:02:03"),
    ],
)
def test_numbers_and_times_are_those_of_the_locale(
    locale: str, whole: str, fraction: str, date: str, time: str
) -> None:
    with writing(Locale.parse(locale)):
        assert (number(12345), number(1234.5, 1), day(AT), clock_time(AT)) == (whole, fraction, date, time)
    assert number(12345) == "12,345", "only within the block"


def test_times_are_in_the_time_zone_of_the_reader() -> None:
    with timezone.override("Europe/Berlin"):
        element = formatting.moment(AT)
        assert ">7 May 2013 01:02:03</time>" in element
        assert 'title="2013-05-07 01:02:03 CEST"' in element and 'datetime="2013-05-07T01:02:03+02:00"' in element
        assert formatting.hour(AT) == "01:02"


@pytest.mark.parametrize(
    ("zone", "name"),
    [("UTC", "UTC"), ("Europe/Vienna", "Wien"), ("America/New_York", "New York"), ("Etc/GMT+3", "Etc/GMT+3")],
)
def test_a_time_zone_is_named_by_its_city(zone: str, name: str) -> None:
    with timezone.override(zone), writing(locale_of_language("de")):
        assert zone_name() == name
