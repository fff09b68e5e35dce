"""Which files a result is to have: their formats, and the section in those that have only one."""

from __future__ import annotations

from collections.abc import Sequence

from reports.models import ReportVersion
from reports.rendering import ONE_SECTION


def format_errors(
    version: ReportVersion, format: str | None, formats: Sequence[str] | None, section: str | None
) -> dict[str, list[str]]:
    """Return what is wrong with the formats that are asked for, or with the section in their files, by field."""
    errors = _errors_of_formats(version, format, formats)
    if sentence := section_error(version, formats or [format or version.formats[0]], section):
        errors["section"] = [sentence]
    return errors


def section_error(version: ReportVersion, formats: Sequence[str], section: str | None) -> str:
    """Return what is wrong with the section that files of these formats are to have; "" if nothing is."""
    if section is None:
        return ""
    if sentence := unknown_section(version, section):
        return sentence
    if ONE_SECTION.isdisjoint(formats):
        return f"Only files of the formats {', '.join(sorted(ONE_SECTION))} have one section. Others have all."
    return ""


def unknown_section(version: ReportVersion | None, section: str) -> str:
    """Return a sentence if there is no such section; else ""."""
    names = list(version.section_queries) if version else []
    if not names:
        return "The report has no sections."
    return "" if section in names else f"Must be one of: {', '.join(names)}."


def section_of_files(version: ReportVersion, formats: Sequence[str], section: str | None) -> str | None:
    """Return the section in those files that have only one; None if there are none."""
    names = list(version.section_queries)
    return (section or names[0]) if names and not ONE_SECTION.isdisjoint(formats) else None


def _errors_of_formats(
    version: ReportVersion, format: str | None, formats: Sequence[str] | None
) -> dict[str, list[str]]:
    offered = f"Must be one of: {', '.join(version.formats)}."
    if formats is None:
        return {} if format is None or format in version.formats else {"format": [offered]}
    sentences = []
    if format is not None:
        sentences.append("Give either format or formats.")
    if unknown := [name for name in formats if name not in version.formats]:
        sentences.append(f"{', '.join(dict.fromkeys(unknown))}: {offered}")
    if not formats or len(set(formats)) < len(formats):
        sentences.append("Name each format once, and at least one.")
    return {"formats": sentences} if sentences else {}
