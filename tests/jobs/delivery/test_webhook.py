"""Delivery by webhook, to a real web server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from jobs.delivery.senders.webhook import signature_headers
from reports.models import ReportConfiguration
from reports.targets.models import WebhookSecret
from tests.jobs.delivery.helpers import CONTENT, AddTarget, Succeed, send_next
from tests.sinks import Calls


def test_a_signature_is_that_of_the_specification() -> None:
    """The test vector of the Standard Webhooks libraries."""
    headers = signature_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        now=1614265330,
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_webhook_is_signed_and_links_to_the_result(
    add_target: AddTarget, succeed: Succeed, calls: Calls, report: ReportConfiguration
) -> None:
    add_target("webhook", url=calls.url)
    job = succeed()
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


def test_a_url_with_non_ascii_characters_is_encoded(add_target: AddTarget, succeed: Succeed, calls: Calls) -> None:
    add_target("webhook", url=f"{calls.url}/Größe%20a?für=50%25&x=a+b")
    succeed()
    assert send_next().state == "sent"
    assert calls.paths == ["/hook/Gr%C3%B6%C3%9Fe%20a?f%C3%BCr=50%25&x=a+b"]


def test_a_secret_is_stored_encrypted_and_stays_the_same(report: ReportConfiguration) -> None:
    secret = WebhookSecret.secret_for(report, "https://example.com")
    assert WebhookSecret.secret_for(report, "https://example.com") == secret
    assert WebhookSecret.secret_for(report, "https://other.com") != secret
    assert secret not in str(WebhookSecret.objects.values_list())


@pytest.mark.parametrize(("status", "state"), [(500, "pending"), (302, "pending"), (410, "failed")])
def test_a_status_other_than_2xx_is_a_failure_and_redirects_are_not_followed(
    add_target: AddTarget, succeed: Succeed, calls: Calls, status: int, state: str
) -> None:
    calls.status = status
    add_target("webhook", url=calls.url)
    succeed()
    delivery = send_next()
    assert (delivery.state, delivery.error) == (state, f"The webhook answered {status}.")
    assert len(calls.received) == 1


def test_this_machine_is_only_called_if_that_is_allowed(
    add_target: AddTarget, succeed: Succeed, calls: Calls, settings: Any
) -> None:
    settings.WEBHOOK_ALLOW = []
    add_target("webhook", url=calls.url.replace("127.0.0.1", "localhost"))
    succeed()
    assert (send_next().state, calls.received) == ("failed", [])
