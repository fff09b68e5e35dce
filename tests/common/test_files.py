"""Renames that survive a crash."""

from __future__ import annotations

from pathlib import Path

from common.files import rename_durably


def test_a_renamed_file_replaces_the_one_with_its_new_name(tmp_path: Path) -> None:
    draft, final = tmp_path / "report.part", tmp_path / "report.csv"
    draft.write_text("new")
    final.write_text("old")
    rename_durably(draft, final)
    assert final.read_text() == "new"
    assert not draft.exists()
