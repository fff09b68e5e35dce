"""What is sent of a job's result, decided when the job succeeds: a delivery for each target, or why there is none."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from jobs.clock import Now
from jobs.delivery import texts
from jobs.delivery.models import DeliveredOutcome, Delivery, DeliveryPlan
from jobs.delivery.senders import SENDERS
from jobs.delivery.texts import TextFields
from jobs.models import JobExecutionLog
from reports.models import ReportVersion
from reports.rendering import RENDERERS

log = logging.getLogger(__name__)
State = Delivery.State
_NOT_PREPARED = "The delivery could not be prepared. The server's log has the details."


class Decision(NamedTuple):
    """The first state of a delivery, and why it isn't sent at once."""

    state: str
    reason: str = ""


class Outcome(NamedTuple):
    """What the rules of a delivery are about."""

    rows: int
    truncated: bool
    digest: str


def of_report(job: JobExecutionLog, version: ReportVersion) -> list[Delivery]:
    """Return the deliveries to the targets of the report."""
    targets = [
        (delivery_target.kind, target)
        for delivery_target in version.delivery_targets.all()
        if delivery_target.kind in SENDERS
        for target in SENDERS[delivery_target.kind].targets(delivery_target.options)
    ]
    return [_delivery(job, kind, kind, target, Decision(State.PENDING)) for kind, target in dict.fromkeys(targets)]


def of_plan(plan: DeliveryPlan, job: JobExecutionLog, outcome: Outcome) -> list[Delivery]:
    """Return the deliveries of a schedule. One that can't be prepared has failed, and stops no other."""
    return [delivery for entry in plan.deliveries for delivery in _of_entry(plan, job, outcome, entry)]


def _of_entry(
    plan: DeliveryPlan, job: JobExecutionLog, outcome: Outcome, entry: Mapping[str, Any]
) -> Iterator[Delivery]:
    # The only query, outside of the try: after an error of the database, the transaction is lost anyway.
    compares = entry.get("when") == "changed" or entry.get("hold_if")
    last = _last_delivered(plan, entry["name"]) if compares else None
    try:
        decision = decide(entry, outcome, last)
        options = _options(plan, job, outcome, entry)
        targets = list(SENDERS[entry["kind"]].targets({**entry, **options}))
    except Exception:
        log.exception("A delivery could not be prepared.", extra={"job_id": str(job.pk)})
        decision, options, targets = Decision(State.FAILED, _NOT_PREPARED), {}, [""]
    for target in dict.fromkeys(targets):
        delivery = _delivery(job, entry["name"], entry["kind"], target, decision)
        delivery.schedule, delivery.options, delivery.recipient_key = plan.schedule, options, plan.recipient_key
        yield delivery


def decide(entry: Mapping[str, Any], outcome: Outcome, last: Outcome | None) -> Decision:
    """Return what becomes of a delivery by its rules. `last`: the outcome that was last delivered under its name."""
    if outcome.truncated and entry["truncated"] != "send":
        return Decision(State.SKIPPED, "The result is incomplete, and the schedule doesn't say to send it anyway.")
    if entry["when"] == "rows" and not outcome.rows:
        return Decision(State.SKIPPED, "The result has no rows.")
    if entry["when"] == "no_rows" and outcome.rows:
        return Decision(State.SKIPPED, "The result has rows.")
    if entry["when"] == "changed" and last and not outcome.truncated and outcome.digest == last.digest != "":
        return Decision(State.SKIPPED, "The result is the same as the last one that was delivered.")
    if entry["held"]:
        return Decision(State.HELD, "An Administrator has to release it.")
    if entry["hold_if"] and last and (sentence := _held_for_rows(entry["hold_if"]["rows_change"], outcome, last)):
        return Decision(State.HELD, sentence)
    return Decision(State.PENDING)


def _held_for_rows(limit: int, outcome: Outcome, last: Outcome) -> str:
    if last.rows == outcome.rows:
        return ""
    change = 100 * (outcome.rows - last.rows) / last.rows if last.rows else float("inf")
    if abs(change) < limit:
        return ""
    percent = f"{change:+.0f} %".replace("-", "\N{MINUS SIGN}") if last.rows else "from none"
    return f"Rows {percent}: {last.rows:,} were delivered last, and now there are {outcome.rows:,}."


def _last_delivered(plan: DeliveryPlan, name: str) -> Outcome | None:
    of_recipient = Delivery.objects.filter(schedule=plan.schedule, recipient_key=plan.recipient_key)
    sent = of_recipient.filter(name=name, state=State.SENT).order_by("-ended_at").select_related("job__artifact")
    last = sent.first()
    # Of a job that is archived.
    kept = DeliveredOutcome.objects.filter(schedule=plan.schedule, recipient_key=plan.recipient_key or "", name=name)
    archived = kept.first()
    if archived and not (last and last.ended_at and last.ended_at > archived.delivered_at):
        return Outcome(archived.rows, archived.truncated, archived.content_digest)
    artifact = getattr(last.job, "artifact", None) if last else None
    return Outcome(artifact.rows, bool(artifact.truncated), artifact.content_digest) if artifact else None


def _options(plan: DeliveryPlan, job: JobExecutionLog, outcome: Outcome, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a sender needs besides the target, with all texts filled in."""
    extension = RENDERERS[job.format].extension
    slot = texts.zoned(plan.slot, plan.time_zone)
    fields = TextFields(job.report_name, outcome.rows, job.parameters, slot, recipient=plan.recipient_fields)
    options = {"approved": bool(entry.get("approved")), "slot": plan.slot.isoformat()}
    given = entry.get("file_name") or f"{job.report_slug}-{{slot:%Y-%m-%d}}"
    stem = texts.file_stem(given, fields, extension)
    options |= {"file_name": stem}
    # Each format's file has its own extension.
    in_paths, fields = replace(fields, file_name=stem), replace(fields, file_name=f"{stem}.{extension}")
    if "subscriber" in entry:
        options["subscriber"] = entry["subscriber"]
    if entry.get("subject"):
        options["subject"] = texts.subject(entry["subject"], fields)
    if entry.get("body"):
        options["body"] = texts.body(entry["body"], fields)
    if entry.get("link"):
        options["link"] = entry["link"]
    elif entry["kind"] == "email" and entry.get("preview", True):
        options["preview"] = True
    if "connection_id" in entry:
        options["connection_id"] = entry["connection_id"]
    if "path" in entry:
        path = texts.path(entry["path"], in_paths)
        if plan.recipient_key is not None and texts.key_part(plan.recipient_key) not in path:
            raise ValueError("The path is so long that it lost the recipient's key.")
        options |= {"path": path, "exists": entry["exists"]}
    return options


def _delivery(job: JobExecutionLog, name: str, kind: str, target: str, decision: Decision) -> Delivery:
    is_over = decision.state in (State.SKIPPED, State.FAILED)
    return Delivery(
        job=job,
        name=name,
        kind=kind,
        target=target,
        target_digest=hashlib.sha256(target.encode()).hexdigest(),
        state=decision.state,
        error=decision.reason[:300],
        available_at=Now(),
        ended_at=Now() if is_over else None,
    )
