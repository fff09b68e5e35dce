"""Control groups that the kernel kills as a whole. The files are the tests' own: not every host lets them be set."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportserver.operations.memory_group import group_killed_as_a_whole


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("", "system.slice", "system.slice/jobs.service"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "memory.oom.group").write_text("0\n")
    return tmp_path


OWN = "4:memory:/old\n0::/system.slice/jobs.service\n"


@pytest.mark.parametrize("group", ["", "system.slice", "system.slice/jobs.service"])
def test_the_own_group_and_those_above_count(root: Path, group: str) -> None:
    assert group_killed_as_a_whole(OWN, root) is None
    (root / group / "memory.oom.group").write_text("1\n")
    assert group_killed_as_a_whole(OWN, root) == root / group


def test_other_groups_and_version_1_do_not_count(root: Path) -> None:
    (root / "system.slice" / "memory.oom.group").write_text("1\n")
    assert group_killed_as_a_whole("0::/user.slice\n", root) is None
    assert group_killed_as_a_whole("4:memory:/system.slice\n", root) is None
