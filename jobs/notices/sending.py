"""Sends one notice, if its recipient may still have it."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMessage
from django.utils.translation import gettext

from accounts.models import User
from jobs.delivery import receipts, recipients, unsubscribing
from jobs.delivery.senders.base import Unwanted
from jobs.delivery.senders.mail_server import mail_errors
from jobs.delivery.unsubscribing import Subscription
from jobs.exceptions import JobNotFound
from jobs.models import JobExecutionLog, Notice
from jobs.notices import texts
from jobs.permissions import visible_job
from reports.permissions import rights_on

Kind = Notice.Kind


def send(notice: Notice) -> None:
    """Raises Unwanted if the notice must not be sent, and Undeliverable."""
    if reason := _refusal(notice):
        raise Unwanted(reason)
    with mail_errors():
        _message(notice).send()


def _refusal(notice: Notice) -> str | None:
    """Return why the notice must not be sent; None if it may be. Rights may have changed since the event."""
    if notice.user_id is not None:
        return _refusal_of_user(notice, notice.user)
    if notice.schedule and unsubscribing.has_unsubscribed(Subscription(notice.schedule, notice.address)):
        return recipients.UNSUBSCRIBED
    if notice.approved or notice.tenant.is_recipient_domain(notice.address):
        return None
    owner = notice.owner
    if owner is None or not owner.is_active or not recipients.may_mail(owner, notice.tenant, notice.address):
        return recipients.NOT_ALLOWED
    return None


def _refusal_of_user(notice: Notice, user: User | None) -> str | None:
    if user is None or not user.is_active or user.email.lower() != notice.address.lower():
        return "The user was deactivated, or has another address."
    if notice.kind == Kind.NEEDS_OWNER and not user.administers(notice.tenant_id):
        return "The user is no longer an Administrator."
    if notice.kind == Kind.JOB_ENDED:
        job = JobExecutionLog.objects.filter(pk=notice.job).first() if notice.job else None
        if job is None or not rights_on(user, job.report_id):
            return "The user no longer has a right on the report."
    return None


def _message(notice: Notice) -> EmailMessage:
    subject, paragraphs = texts.of(notice)
    lines = [*paragraphs]
    if link := _link(notice):
        lines.append(gettext("Details: %(link)s") % {"link": link})
    headers = {"Message-ID": receipts.message_id(notice.pk), "Auto-Submitted": "auto-generated"}
    if notice.schedule and notice.user_id is None:
        of_schedule = unsubscribing.headers_and_line(Subscription(notice.schedule, notice.address))
        headers |= of_schedule[0]
        lines.append(of_schedule[1])
    return EmailMessage(
        # A name may contain line breaks, which must not become another header.
        subject=" ".join(subject.split())[:250],
        body="\n\n".join(lines) + "\n",
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[notice.address],
        headers=headers,
    )


def _link(notice: Notice) -> str:
    """Return the URL of the page about it; empty if there is none that its recipient can see."""
    pages = settings.PUBLIC_URL
    if notice.kind == Kind.NEEDS_OWNER:
        return f"{pages}/schedules?needs=owner"
    if notice.kind == Kind.JOB_ENDED and notice.user:
        try:
            visible_job(notice.user, notice.job)
        except (PermissionDenied, JobNotFound):
            return ""
    if notice.job:
        return f"{pages}/jobs/{notice.job}"
    return f"{pages}/schedules/{quote(str(notice.schedule))}"
