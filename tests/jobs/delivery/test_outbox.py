"""What leaves the house: written once with the success, sent with a stable id, tried again, and never to where it must
not go. Mail and webhooks go to real servers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from audit.models import AuditLog
from jobs import failures
from jobs.delivery import http_client, outbox
from jobs.delivery.deliverer import deliver
from jobs.execution import transitions
from jobs.models import Delivery, JobExecutionLog
from jobs.results import storage
from reports.models import ReportConfiguration, WebhookSecret
from tests.jobs.delivery.helpers import CONTENT, Succeed, Target, kinds, make_due, send_next
from tests.sinks import Calls, Mails


@pytest.fixture
def share(settings: Any, tmp_path: Path) -> Path:
    settings.FILE_SHARE = tmp_path / "share"
    settings.FILE_SHARE.mkdir()
    found: Path = settings.FILE_SHARE
    return found


# ---- the outbox


def test_a_success_writes_one_delivery_for_each_target(target: Target, succeeded: Succeed) -> None:
    target("email", to=["a@example.com", "b@example.com", "a@example.com"])
    target("webhook", url="https://example.com/hook")
    target("file_share", path="daily")
    job = succeeded()
    assert sorted(job.deliveries.values_list("kind", "target", "state")) == [
        ("email", "a@example.com", "pending"),
        ("email", "b@example.com", "pending"),
        ("file_share", "daily", "pending"),
        ("webhook", "https://example.com/hook", "pending"),
    ]
    with pytest.raises(IntegrityError), transaction.atomic():
        outbox.add_deliveries(JobExecutionLog.objects.get(pk=job.pk))


def test_a_failed_job_delivers_nothing(target: Target, claimed: JobExecutionLog) -> None:
    target("email", to=["a@example.com"])
    assert transitions.fail(claimed, failures.CANCELLED)
    assert not Delivery.objects.exists()


def test_what_is_claimed_is_nobody_elses_until_its_lease_is_over(target: Target, succeeded: Succeed) -> None:
    target("file_share", path="daily")
    succeeded()
    first = outbox.claim()
    assert first and outbox.claim() is None
    make_due()
    second = outbox.claim()
    assert second and (second.pk, second.attempt) == (first.pk, 2)
    assert not outbox.mark_sent(first), "a deliverer that lost its lease must note nothing"
    assert not outbox.mark_failed(first, "no")
    assert outbox.mark_sent(second)
    assert kinds(second.job).count("delivered") == 1


def test_a_failure_is_tried_again_later_and_at_last_given_up(target: Target, succeeded: Succeed, settings: Any) -> None:
    settings.EMAIL_CONFIGURED = False
    target("email", to=["a@example.com"])
    job = succeeded()
    for number in range(1, outbox.MAX_ATTEMPTS + 1):
        found = send_next()
        assert found.attempt == number and found.error == "This server has no mail server to send by."
        assert outbox.claim() is None
        make_due()
    assert found.state == "failed"
    assert kinds(job)[-1] == "delivery_given_up" and kinds(job).count("delivery_failed") == outbox.MAX_ATTEMPTS - 1
    assert AuditLog.objects.get(action="Delivery Failed").details["target"] == "a@example.com"
    assert JobExecutionLog.objects.get(pk=job.pk).status == "Succeeded"
    assert "a@example.com" not in json.dumps(list(job.events.values_list("details", flat=True)))


def test_pauses_grow_and_differ() -> None:
    wait = outbox.RETRY_WAITS.jittered
    assert 2.5 <= wait(1) <= 5 and 40 <= wait(5) <= 80 and wait(99) <= 3600
    assert len({wait(5) for _ in range(20)}) > 1


def test_a_result_that_was_deleted_is_not_delivered(target: Target, succeeded: Succeed, share: Path) -> None:
    target("file_share", path="daily")
    job = succeeded()
    storage.delete_job_files(job.pk)
    assert (send_next().state, [*share.rglob("*.csv")]) == ("failed", [])


# ---- e-mail


def test_a_mail_brings_the_file_and_keeps_its_id_when_it_is_sent_again(
    target: Target, succeeded: Succeed, mails: Mails
) -> None:
    target("email", to=["a@example.com"])
    job = succeeded()
    claimed = outbox.claim()
    assert claimed
    deliver(claimed)
    Delivery.objects.update(state="pending", fence=claimed.fence, ended_at=None)  # as if it was never noted
    deliver(claimed)
    (address, first), (_, second) = mails.received
    assert address == "a@example.com" and first["Subject"] == "One"
    assert first["Message-ID"] == second["Message-ID"] == f"<{claimed.pk}@testserver>"
    (file,) = first.iter_attachments()
    assert file.get_content_type() == "text/csv" and file.get_payload(decode=True) == CONTENT
    assert f"http://testserver/jobs/{job.pk}" in str(first.get_body())
    assert AuditLog.objects.filter(action="Delivery Sent", target_id=str(job.pk)).exists()


def test_a_large_file_is_linked_to(target: Target, succeeded: Succeed, mails: Mails, settings: Any) -> None:
    settings.EMAIL_ATTACHMENT_BYTES = len(CONTENT) - 1
    target("email", to=["a@example.com"])
    succeeded()
    assert send_next().state == "sent"
    ((_, message),) = mails.received
    assert not [*message.iter_attachments()] and "too large for a message" in str(message.get_body())


@pytest.mark.parametrize(("reply", "state"), [("451 later", "pending"), ("550 never", "failed")])
def test_a_refusal_for_good_is_not_tried_again(
    target: Target, succeeded: Succeed, mails: Mails, reply: str, state: str
) -> None:
    mails.reply = reply
    target("email", to=["a@example.com"])
    succeeded()
    assert send_next().state == state


def test_a_name_of_several_lines_makes_no_header(
    target: Target, succeeded: Succeed, mails: Mails, report: ReportConfiguration, queued: Any
) -> None:
    target("email", to=["a@example.com"])
    job = succeeded()
    JobExecutionLog.objects.filter(pk=job.pk).update(report_name="One\r\nBcc: evil@example.com")
    assert send_next().state == "sent"
    assert [address for address, _ in mails.received] == ["a@example.com"]
    assert mails.received[0][1]["Bcc"] is None


# ---- webhooks


def test_a_webhook_is_signed_and_says_where_the_result_is(
    target: Target, succeeded: Succeed, calls: Calls, report: ReportConfiguration
) -> None:
    target("webhook", url=calls.url)
    job = succeeded()
    delivery = send_next()
    assert delivery.state == "sent"
    ((headers, body),) = calls.received
    secret = base64.b64decode(WebhookSecret.secret_for(report, calls.url).removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-id"] == headers["idempotency-key"] == str(delivery.pk)
    data = json.loads(body)["data"]
    assert data["jobId"] == str(job.pk) and data["resultUrl"].endswith(f"/api/v1/jobs/{job.pk}/result")
    assert data["result"]["sha256"] == hashlib.sha256(CONTENT).hexdigest()


def test_an_address_with_letters_of_other_languages_is_called(target: Target, succeeded: Succeed, calls: Calls) -> None:
    target("webhook", url=f"{calls.url}/Größe%20a?für=50%25&x=a+b")
    succeeded()
    assert send_next().state == "sent"
    assert calls.paths == ["/hook/Gr%C3%B6%C3%9Fe%20a?f%C3%BCr=50%25&x=a+b"]


def test_the_secret_is_kept_encrypted_and_stays_the_same(report: ReportConfiguration) -> None:
    first = WebhookSecret.secret_for(report, "https://example.com")
    assert (
        WebhookSecret.secret_for(report, "https://example.com")
        == first
        != WebhookSecret.secret_for(report, "https://other.com")
    )
    assert first not in str(WebhookSecret.objects.values_list())


@pytest.mark.parametrize(("status", "state"), [(500, "pending"), (302, "pending"), (410, "failed")])
def test_another_answer_than_2xx_is_a_failure_and_no_redirect_is_followed(
    target: Target, succeeded: Succeed, calls: Calls, status: int, state: str
) -> None:
    calls.status = status
    target("webhook", url=calls.url)
    succeeded()
    delivery = send_next()
    assert (delivery.state, delivery.error) == (state, f"The webhook answered {status}.")
    assert len(calls.received) == 1


def test_this_machine_is_not_called_unless_that_is_allowed(
    target: Target, succeeded: Succeed, calls: Calls, settings: Any
) -> None:
    settings.WEBHOOK_ALLOW = []
    target("webhook", url=calls.url.replace("127.0.0.1", "localhost"))
    succeeded()
    assert (send_next().state, calls.received) == ("failed", [])


_IN_THE_HOUSE = """127.0.0.1 10.0.0.1 169.254.169.254 192.168.1.1 100.64.0.1 0.0.0.1 224.0.0.1 240.0.0.1
    ::1 fe80::1%eth0 fd00::1 ff02::1 ::ffff:127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::"""


@pytest.mark.parametrize("address", _IN_THE_HOUSE.split())
def test_an_address_of_the_house_may_not_be_called(address: str) -> None:
    assert not http_client.is_allowed_address(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_an_address_of_the_open_internet_may_be_called(address: str) -> None:
    assert http_client.is_allowed_address(address)


def test_a_name_with_one_forbidden_address_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", ("1.1.1.1", 80)), (2, 1, 6, "", ("127.0.0.1", 80))]
    monkeypatch.setattr(http_client.socket, "getaddrinfo", lambda *args, **how: found)
    with pytest.raises(http_client.AddressNotAllowed):
        http_client.post("http://both.example.com/", b"", {})


# ---- the file share


def test_a_file_is_put_into_the_tenants_folder(target: Target, succeeded: Succeed, share: Path) -> None:
    target("file_share", path="daily/sales")
    job = succeeded()
    assert send_next().state == "sent"
    (file,) = [path for path in share.rglob("*") if path.is_file()]
    assert file.parent == share / "acme" / "daily" / "sales"
    assert file.name.startswith("one-") and file.name.endswith(f"{job.pk}.csv") and file.read_bytes() == CONTENT


def test_a_path_never_leads_out_of_the_tenants_folder(
    target: Target, succeeded: Succeed, share: Path, tmp_path: Path
) -> None:
    (share / "acme").mkdir()
    (share / "acme" / "out").symlink_to(tmp_path)
    target("file_share", path="out")
    target("file_share", path="../globex")
    succeeded()
    assert [send_next().state, send_next().state] == ["failed", "failed"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
