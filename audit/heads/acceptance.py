"""The operator accepts the log as it is, for example after restoring a backup: in the log, and outside the database."""

from __future__ import annotations

from django.db import transaction

from audit import actions
from audit.exceptions import HeadsDamaged, HeadsMissing
from audit.heads.comparison import compare
from audit.heads.file import HeadsFile
from audit.heads.keeping import all_files, begin, read
from audit.heads.lines import Line
from audit.models import Action, AuditCheck
from audit.verification import read_head


def accept_log(*, reason: str, actor: str) -> list[str]:
    """Begin the files anew that contradict the database. Return what was found, as sentences; none if nothing does.

    An entry of the log says so, with the reason and with the end that the files had. The files' old content is kept.
    """
    found = [(file, read(file)) for file in all_files()]
    head = read_head()
    contradicting = [(file, content) for file, content in found if compare([content], head)]
    if not contradicting:
        return []
    sentences = [_sentence(file, content) for file, content in contradicting]
    with transaction.atomic():
        details = {"reason": reason, "found": sentences, "last": head.sequence}
        entry = actions.record(
            Action.AUDIT_ANCHOR, actor=actor, tenant_id=None, target=("audit", head.sequence), details=details
        )
        # Verification starts again, and nothing that was found before is carried on.
        AuditCheck.objects.all().delete()
    for file, _ in contradicting:
        file.begin_again(entry.sequence, entry.hash)
    begin(entry.sequence, entry.hash)
    return sentences


def _sentence(file: HeadsFile, content: Line | HeadsMissing | HeadsDamaged) -> str:
    if isinstance(content, Line):
        return f"{file.path.name} has entry #{content.sequence} with hash {content.hash}, which the database lacks."
    return f"{file.path.name}: {content.message}"
