"""The operator accepts the log as it is, for example after restoring a backup: in the log, and outside the database."""

from __future__ import annotations

from django.db import transaction

from audit import actions
from audit.heads.comparison import compare, contradicting
from audit.heads.file import Content, HeadsFile
from audit.heads.keeping import all_files, begin
from audit.models import Action, AuditCheck
from audit.verification import last_check, read_head


def accept_log(*, reason: str, actor: str) -> list[str]:
    """Begin the files anew that contradict the database. Return what was found, as sentences; none if nothing does.

    An entry of the log says so, with the reason and with the end that the files had. The files' old content is kept.
    What the file of another host showed is forgotten, too; that host finds it again. Raises HeadsUnreadable if the
    shared folder can't be read, and OSError if a file can't be replaced.
    """
    found = [(file, file.read()) for file in all_files()]
    head = read_head()
    bad = [(file, content) for file, content in found if compare([content], head)]
    sentences = [_sentence(file, content) for file, content in bad]
    check = last_check()
    if check and check.broken_on and not bad:
        sentences.append(f"Another host found at entry #{check.broken_sequence}: {check.reason}.")
    if not sentences:
        return []
    with transaction.atomic():
        details = {"reason": reason, "found": sentences, "last": head.sequence}
        entry = actions.record(
            Action.AUDIT_ANCHOR, actor=actor, tenant_id=None, target=("audit", head.sequence), details=details
        )
        # Verification starts again, and nothing that was found before is carried on.
        AuditCheck.objects.all().delete()
    for file, _ in bad:
        file.begin_again(entry.sequence, entry.hash)
    begin(entry.sequence, entry.hash)
    return sentences


def _sentence(file: HeadsFile, content: Content) -> str:
    if content.problem:
        return f"{file.path.name}: {content.problem.message}"
    lines = contradicting(content.lines) or content.lines
    first, last = lines[0], lines[-1]
    others = f" The first such entry is #{first.sequence}." if first is not last else ""
    return f"{file.path.name} has entry #{last.sequence} with hash {last.hash}, which the database lacks.{others}"
