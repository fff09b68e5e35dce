"""The words of notices: a subject and paragraphs of plain text."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext, ngettext

from jobs.models import Notice

Kind = Notice.Kind


def of(notice: Notice) -> tuple[str, list[str]]:
    """Return the subject and the paragraphs of a notice."""
    subject, *paragraphs = _TEXTS[Kind(notice.kind)](_Facts(notice))
    return subject, [paragraph for paragraph in paragraphs if paragraph]


class _Facts:
    """What a notice says, as texts."""

    def __init__(self, notice: Notice) -> None:
        details = notice.details
        self.report = " ".join(str(details.get("report", "")).split())
        self.error = str(details.get("error") or "")
        # Details from before this was known lack it.
        self.has_owner = bool(details.get("has_owner", True))
        self.is_failure = details.get("error") is not None
        self.rows = int(details.get("rows") or 0)
        self.number = int(details.get("number") or 0)
        self.names = {
            "report": self.report,
            "schedule": str(details.get("schedule", "")),
            "owner": str(details.get("owner", "")),
            "delivery": str(details.get("delivery", "")),
            "slot": _time(details.get("slot")),
            "since": _time(details.get("since")),
        }


def _time(text: object) -> str:
    return f"{datetime.fromisoformat(str(text)):%Y-%m-%d %H:%M} UTC" if text else ""


def _job_ended(facts: _Facts) -> list[str]:
    if facts.is_failure:
        return [
            gettext("%(report)s failed") % facts.names,
            gettext("The report %(report)s that you asked for has failed.") % facts.names,
            facts.error,
        ]
    rows = ngettext("It has %(rows)s row.", "It has %(rows)s rows.", facts.rows) % {"rows": f"{facts.rows:,}"}
    return [
        gettext("%(report)s is ready") % facts.names,
        gettext("The report %(report)s that you asked for is ready.") % facts.names + " " + rows,
    ]


def _failure(facts: _Facts) -> list[str]:
    return [
        gettext("%(schedule)s failed") % facts.names,
        gettext("The job of the schedule %(schedule)s for %(slot)s has failed.") % facts.names,
        facts.error,
        _silence(),
    ]


def _delivery(facts: _Facts) -> list[str]:
    return [
        gettext("%(schedule)s was not delivered") % facts.names,
        gettext("The delivery “%(delivery)s” of the schedule %(schedule)s was given up.") % facts.names,
        facts.error,
        _silence(),
    ]


def _missed(facts: _Facts) -> list[str]:
    sentence = ngettext(
        "The schedule %(schedule)s was not run at %(slot)s, because no server was running.",
        "The schedule %(schedule)s missed %(number)s runs, the last at %(slot)s, because no server was running.",
        facts.number,
    )
    return [
        gettext("%(schedule)s was not run") % facts.names,
        sentence % (facts.names | {"number": f"{facts.number:,}"}),
        _silence(),
    ]


def _slot_failed(facts: _Facts) -> list[str]:
    return [
        gettext("%(schedule)s could not be run") % facts.names,
        gettext("The schedule %(schedule)s could not be run at %(slot)s.") % facts.names,
        facts.error,
        _silence(),
    ]


def _paused(facts: _Facts) -> list[str]:
    remedy = gettext("It stays paused until somebody corrects this and resumes it.")
    return [
        gettext("%(schedule)s was paused") % facts.names,
        gettext("The server has paused the schedule %(schedule)s.") % facts.names,
        facts.error,
        remedy if facts.has_owner else gettext("An Administrator can take it over."),
    ]


def _recovery(facts: _Facts) -> list[str]:
    return [
        gettext("%(schedule)s works again") % facts.names,
        gettext("The schedule %(schedule)s works again. Its trouble began at %(since)s.") % facts.names,
    ]


def _needs_owner(facts: _Facts) -> list[str]:
    return [
        gettext("Schedules of %(owner)s need an owner") % facts.names,
        gettext("The account of %(owner)s was deactivated or deleted. Its schedules, such as %(schedule)s, are paused.")
        % facts.names,
        gettext("An Administrator can take them over or delete them."),
    ]


def _silence() -> str:
    return gettext("You won't get another e-mail about this until it works again.")


_TEXTS = {
    Kind.JOB_ENDED: _job_ended,
    Kind.FAILURE: _failure,
    Kind.DELIVERY: _delivery,
    Kind.MISSED: _missed,
    Kind.SLOT_FAILED: _slot_failed,
    Kind.PAUSED: _paused,
    Kind.RECOVERY: _recovery,
    Kind.NEEDS_OWNER: _needs_owner,
}
