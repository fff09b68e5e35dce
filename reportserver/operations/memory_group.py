"""What does the kernel kill when memory runs out? By default the largest process, which is the child of a hungry job.

With `memory.oom.group` in its control group, or in one above, the kernel kills all processes of that group: every job
of the host is charged an attempt for one that is hungry (https://docs.kernel.org/admin-guide/cgroup-v2.html).
"""

from __future__ import annotations

from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def killed_as_a_whole() -> Path | None:
    """The folder of the control group that is killed as a whole with this process; None if there is none."""
    return group_killed_as_a_whole(_OWN.read_text(), _ROOT)


def group_killed_as_a_whole(own: str, root: Path) -> Path | None:
    """As above, from the text of /proc/self/cgroup and the folder where control groups are mounted."""
    path = next((line.removeprefix("0::") for line in own.splitlines() if line.startswith("0::")), None)
    if path is None:  # version 1 of control groups has no such setting
        return None
    group = root / path.strip("/")
    for folder in (group, *group.parents):
        if not folder.is_relative_to(root):
            break
        setting = folder / "memory.oom.group"
        if setting.exists() and setting.read_text().strip() == "1":
            return folder
    return None
