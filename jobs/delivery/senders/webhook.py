"""Delivery by webhook: a signed POST that announces the result, as specified by https://www.standardwebhooks.com."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings

from common.outbound import http_client
from common.outbound.connecting import AddressRules
from jobs.delivery.senders.base import OutgoingResult, Undeliverable
from reports.exceptions import WrongKey
from reports.targets.models import WebhookSecret

_UNKNOWN_AUTHORITY = (
    "This server does not trust the authority of the webhook's certificate. "
    "An operator can add the authority to those of SSL_CERT_FILE."
)
_WRONG_HOST = (
    "The webhook's certificate is for another host than the one in its URL. "
    "Correct the URL in the report, or install a certificate for that host."
)
_INVALID_CERTIFICATE = "The webhook's certificate is not valid. The server's log says why."
#: Messages by OpenSSL's error code (X509_V_ERR_…).
_CERTIFICATE_ERRORS = {
    9: "The webhook's certificate is not valid yet. Compare the clocks of both servers.",
    10: "The webhook's certificate has expired. The webhook's operator must renew it.",
    18: _UNKNOWN_AUTHORITY,
    19: _UNKNOWN_AUTHORITY,
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
    62: _WRONG_HOST,
    64: _WRONG_HOST,
}


class Webhook:
    """`webhook-id` is the delivery's id. Any 2xx status is a success; the response's body isn't read."""

    def targets(self, options: Mapping[str, Any]) -> Iterator[str]:
        yield options["url"]

    def send(self, result: OutgoingResult) -> None:
        if result.job.report is None:
            raise Undeliverable("The report was deleted before its webhook could be called.", permanent=True)
        try:
            secret = WebhookSecret.secret_for(result.job.report, result.target)
        except WrongKey as error:
            raise Undeliverable(error.message) from error
        body = json.dumps(_payload(result)).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "reportserver", "Idempotency-Key": str(result.id)}
        headers |= signature_headers(str(result.id), body, secret)
        try:
            status = http_client.post(result.target, body, headers, AddressRules(tuple(settings.WEBHOOK_ALLOW)))
        except http_client.AddressNotAllowed as error:
            raise Undeliverable("This server is not allowed to call the webhook's address.", permanent=True) from error
        except ssl.SSLCertVerificationError as error:
            raise Undeliverable(_CERTIFICATE_ERRORS.get(error.verify_code, _INVALID_CERTIFICATE)) from error
        except ssl.SSLError as error:
            raise Undeliverable("The webhook's URL starts with https, but its server does not accept TLS.") from error
        except (OSError, http_client.HTTPException) as error:
            raise Undeliverable("The webhook is not responding.") from error
        if not 200 <= status < 300:
            raise Undeliverable(f"The webhook answered {status}.", permanent=status == 410)


def signature_headers(id: str, body: bytes, secret: str, now: int | None = None) -> dict[str, str]:
    """Return the headers by which the receiver authenticates the message and recognizes duplicates.

    `secret` is `whsec_` followed by the key in base64; `now` is in seconds since 1970, by default the current time.
    """
    timestamp = str(int(time.time()) if now is None else now)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, b".".join([id.encode(), timestamp.encode(), body]), hashlib.sha256)
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature}


def _payload(result: OutgoingResult) -> dict[str, Any]:
    """Return the body. It has no rows and no parameters: the receiver downloads the result with its own rights."""
    job, artifact = result.job, result.artifact
    status_url = f"{settings.PUBLIC_URL}/api/v1/jobs/{job.pk}"
    return {
        "type": "report.succeeded",
        "timestamp": job.ended_at.isoformat() if job.ended_at else None,
        "data": {
            "jobId": str(job.pk),
            "report": {"id": str(job.report_uuid), "slug": job.report_slug, "name": job.report_name},
            "statusUrl": status_url,
            "resultUrl": f"{status_url}/result",
            "result": {
                "format": job.format,
                "size": artifact.size,
                "sha256": artifact.sha256,
                "rows": artifact.rows,
            },
            "results": [
                {
                    "format": file.format,
                    "size": file.size,
                    "sha256": file.sha256,
                    "resultUrl": f"{status_url}/result?format={file.format}",
                }
                for file in artifact.files
            ],
        },
    }
