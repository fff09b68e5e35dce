"""Webhooks as https://www.standardwebhooks.com describes them: a signed POST that says the result is there."""

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

from jobs.delivery import http_client
from jobs.delivery.base import OutgoingResult, Undeliverable
from reports.models import WebhookSecret

_UNKNOWN_AUTHORITY = (
    "This server does not trust the authority of the webhook's certificate. "
    "An operator can add the authority to those of SSL_CERT_FILE."
)
_OTHER_NAME = (
    "The webhook's certificate is for another name than the one in its address. "
    "Correct the address in the report, or have the certificate made for that name."
)
_NO_TLS = "The webhook's address begins with https, but TLS could not be agreed on with it."
#: By OpenSSL's code (X509_V_ERR_…): what is wrong with a certificate, and what to do.
_CERTIFICATE_FAULTS = {
    9: "The webhook's certificate is not valid yet. Compare the clocks of both servers.",
    10: "The webhook's certificate has expired. Whoever runs the webhook has to renew it.",
    18: _UNKNOWN_AUTHORITY,
    19: _UNKNOWN_AUTHORITY,
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
    62: _OTHER_NAME,
    64: _OTHER_NAME,
}


class Webhook:
    """`webhook-id` is the delivery's id. The answer's body is not read; any 2xx is a success."""

    def targets(self, options: Mapping[str, Any]) -> Iterator[str]:
        yield options["url"]

    def send(self, parcel: OutgoingResult) -> None:
        if parcel.job.report is None:
            raise Undeliverable("The report was deleted before its webhook could be called.", permanent=True)
        secret = WebhookSecret.secret_for(parcel.job.report, parcel.target)
        body = json.dumps(_payload(parcel)).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "reportserver", "Idempotency-Key": str(parcel.id)}
        try:
            status = http_client.post(parcel.target, body, headers | signed(str(parcel.id), body, secret))
        except http_client.AddressNotAllowed as error:
            raise Undeliverable(
                "The webhook's address is not one that this server may call.", permanent=True
            ) from error
        except ssl.SSLCertVerificationError as error:
            sentence = "The webhook's certificate is not valid; the server's log says why."
            raise Undeliverable(_CERTIFICATE_FAULTS.get(error.verify_code, sentence)) from error
        except ssl.SSLError as error:
            raise Undeliverable(_NO_TLS) from error
        except (OSError, http_client.HTTPException) as error:
            raise Undeliverable("The webhook does not answer.") from error
        if not 200 <= status < 300:
            raise Undeliverable(f"The webhook answered {status}.", permanent=status == 410)


def signed(id: str, body: bytes, secret: str, now: int | None = None) -> dict[str, str]:
    """The three headers by which the receiver knows who sent it, when, and that it is the same message again."""
    at = str(int(time.time()) if now is None else now)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, b".".join([id.encode(), at.encode(), body]), hashlib.sha256)
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature}


def _payload(parcel: OutgoingResult) -> dict[str, Any]:
    """No rows and no parameter values: the receiver fetches the result with rights of its own."""
    job, kept = parcel.job, parcel.artifact
    status = f"{settings.PUBLIC_URL}/api/v1/jobs/{job.pk}"
    report = {"id": str(job.report_uuid), "slug": job.report_slug, "name": job.report_name}
    result = {"format": job.format, "size": kept.size, "sha256": kept.sha256, "rows": kept.rows}
    data = {
        "jobId": str(job.pk),
        "report": report,
        "statusUrl": status,
        "resultUrl": f"{status}/result",
        "result": result,
    }
    ended = job.ended_at.isoformat() if job.ended_at else None
    return {"type": "report.succeeded", "timestamp": ended, "data": data}
