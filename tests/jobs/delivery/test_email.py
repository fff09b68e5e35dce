"""Delivery by e-mail, to a real mail server."""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import AuditLog
from jobs.delivery import outbox
from jobs.delivery.deliverer import deliver
from jobs.delivery.senders import OutgoingResult
from jobs.delivery.senders.email import build_message, encoded_size
from jobs.models import Delivery, JobExecutionLog
from tests.jobs.delivery.helpers import CONTENT, AddTarget, Succeed, send_next
from tests.sinks import Mails


def test_a_mail_has_the_file_and_the_same_id_when_it_is_sent_again(
    add_target: AddTarget, succeed: Succeed, mails: Mails
) -> None:
    add_target("email", to=["a@example.com"])
    job = succeed()
    delivery = outbox.claim()
    assert delivery
    deliver(delivery)
    # As if the deliverer had died before it recorded the outcome.
    Delivery.objects.update(state="pending", fence=delivery.fence, ended_at=None)
    deliver(delivery)
    (address, first), (_, second) = mails.received
    assert address == "a@example.com" and first["Subject"] == "One"
    assert first["Message-ID"] == second["Message-ID"] == f"<{delivery.pk}@testserver>"
    (file,) = first.iter_attachments()
    assert file.get_content_type() == "text/csv" and file.get_payload(decode=True) == CONTENT
    body = first.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == [
        f"One is ready: 1 row, {len(CONTENT)} bytes, CSV.",
        "",
        "The file is attached.",
        f"Details: http://testserver/jobs/{job.pk}",
    ]
    assert AuditLog.objects.filter(action="Delivery Sent", target_id=str(job.pk)).exists()


def test_a_mail_has_all_files_or_none(add_target: AddTarget, succeed: Succeed, mails: Mails, settings: Any) -> None:
    add_target("email", to=["a@example.com"])
    succeed("json", "ndjson")
    assert send_next().state == "sent"
    # Each of them would fit by itself.
    settings.EMAIL_ATTACHMENT_BYTES = 2 * encoded_size(len(CONTENT))
    succeed("json", "ndjson")
    assert send_next().state == "sent"
    (_, attached), (_, linked) = mails.received
    files = {(file.get_filename() or "").rpartition(".")[2]: file for file in attached.iter_attachments()}
    assert {name: file.get_payload(decode=True) for name, file in files.items()} == {
        "csv": CONTENT, "json": CONTENT, "ndjson": CONTENT
    }  # fmt: skip
    assert "The files are attached." in str(attached.get_body())
    assert not [*linked.iter_attachments()] and "too large for an e-mail" in str(linked.get_body())


def test_a_large_file_is_linked_to(add_target: AddTarget, succeed: Succeed, mails: Mails, settings: Any) -> None:
    settings.EMAIL_ATTACHMENT_BYTES = len(CONTENT)  # In a message, it takes more.
    add_target("email", to=["a@example.com"])
    succeed()
    assert send_next().state == "sent"
    ((_, message),) = mails.received
    assert not [*message.iter_attachments()] and "too large for an e-mail" in str(message.get_body())


@pytest.mark.parametrize(
    "reply",
    [
        "552 Message size exceeds fixed limit",
        "552 5.3.4 too big",
        "554 5.2.3 too big",
        "550-5.3.4 too\r\n550 5.3.4 big",
    ],
)
def test_a_file_that_is_too_large_for_the_mail_server_is_linked_to(
    add_target: AddTarget, succeed: Succeed, mails: Mails, reply: str
) -> None:
    replies = iter([reply, "250 OK"])
    mails.before_reply = lambda: setattr(mails, "reply", next(replies))
    add_target("email", to=["a@example.com"])
    succeed()
    assert send_next().state == "sent"
    (_, attached), (_, linked) = mails.received
    assert [*attached.iter_attachments()] and not [*linked.iter_attachments()]


def test_a_file_fills_as_much_of_a_message_as_computed(add_target: AddTarget, succeed: Succeed) -> None:
    add_target("email", to=["a@example.com"])
    succeed()
    delivery = outbox.claim()
    assert delivery
    result = OutgoingResult(delivery.pk, delivery.job, delivery.target, delivery.fence)
    attached, linked = (len(build_message(result, is_attached=attach).message().as_bytes()) for attach in (True, False))
    # The message has headers for the file, too.
    assert len(CONTENT) < encoded_size(len(CONTENT)) <= attached - linked <= encoded_size(len(CONTENT)) + 600


def test_a_full_mailbox_is_not_a_question_of_size(add_target: AddTarget, succeed: Succeed, mails: Mails) -> None:
    mails.reply = "552 5.2.2 mailbox full"
    add_target("email", to=["a@example.com"])
    succeed()
    assert send_next().state == "failed"
    assert len(mails.received) == 1


@pytest.mark.parametrize(("reply", "state"), [("451 later", "pending"), ("550 never", "failed")])
def test_a_permanent_refusal_is_not_retried(
    add_target: AddTarget, succeed: Succeed, mails: Mails, reply: str, state: str
) -> None:
    mails.reply = reply
    add_target("email", to=["a@example.com"])
    succeed()
    assert send_next().state == state


def test_a_report_name_with_line_breaks_adds_no_header(add_target: AddTarget, succeed: Succeed, mails: Mails) -> None:
    add_target("email", to=["a@example.com"])
    job = succeed()
    JobExecutionLog.objects.filter(pk=job.pk).update(report_name="One\r\nBcc: evil@example.com")
    assert send_next().state == "sent"
    assert [address for address, _ in mails.received] == ["a@example.com"]
    assert mails.received[0][1]["Bcc"] is None
