"""Files in buckets of S3, and of storage that speaks its protocol.

A PUT writes an object completely or not at all. Requests are signed here (Signature Version 4), because clients of S3
resolve the names of hosts themselves and follow redirects, so that a user could lead them into private networks.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import BinaryIO
from urllib.parse import urlsplit

from common.outbound import http_client
from common.outbound.http_client import Response
from jobs.connections.channels.base import Access, ChannelError, FileExists, SentFile, sentences, upload_seconds
from jobs.connections.channels.urls import S3Address

#: The most that S3 takes in one request.
MAX_BYTES = 5 * 1024**3
#: Who wrote an object. An earlier attempt may have written it and died before that was recorded.
_SENDER = "x-amz-meta-delivery"
_EMPTY = hashlib.sha256().hexdigest()
_CODE = re.compile(rb"<Code>(\w{1,60})</Code>")
_WRONG_KEY = "The storage refused the key or its secret."
_WRONG_REGION = "The bucket is in another region. Name it in the URL of the connection: ?region=…"
_MESSAGES = {
    "NoSuchBucket": "The storage has no such bucket.",
    "InvalidAccessKeyId": _WRONG_KEY,
    "SignatureDoesNotMatch": _WRONG_KEY,
    "RequestTimeTooSkewed": "The storage's clock and this server's differ too much.",
    "AuthorizationHeaderMalformed": _WRONG_REGION,
    "PermanentRedirect": _WRONG_REGION,
    "TemporaryRedirect": _WRONG_REGION,
}


def check_free(access: Access, file: SentFile) -> None:
    """Raise FileExists if another sender's object has the name."""
    if not file.replaces and _sender_of(access, file) not in (None, file.sender):
        raise FileExists


def write(access: Access, file: SentFile, content: BinaryIO) -> None:
    """Write an object. Raises ChannelError; FileExists if another sender's has the name and it doesn't replace it."""
    if file.size > MAX_BYTES:
        raise ChannelError("The file is larger than 5 GB, which S3 doesn't take in one piece.", permanent=True)
    headers = {"content-length": str(file.size), _SENDER: file.sender}
    if not file.replaces:
        headers["if-none-match"] = "*"
    seconds = upload_seconds(file.size)
    answer = _call(access, "PUT", file.path, headers, content, digest=file.sha256, seconds=seconds)
    if answer.status in (409, 412) and not file.replaces:
        if _sender_of(access, file) != file.sender:
            raise FileExists
        return
    _raise_for(answer)


def delete(access: Access, path: str) -> None:
    _raise_for(_call(access, "DELETE", path, {}))


def _sender_of(access: Access, file: SentFile) -> str | None:
    """Who wrote the object of this name: "" for another program; None if there is none."""
    answer = _call(access, "HEAD", file.path, {})
    # Who may write need not be allowed to read. The PUT decides then.
    if answer.status in (403, 404):
        return None
    _raise_for(answer)
    return answer.headers.get(_SENDER, "")


def _call(
    access: Access,
    method: str,
    path: str,
    headers: Mapping[str, str],
    content: BinaryIO | None = None,
    *,
    digest: str = _EMPTY,
    seconds: float = http_client.TOTAL_SECONDS,
) -> Response:
    address = S3Address.of(access.url)
    url = address.object_url(path)
    signed = signed_headers(address, method, url, headers, digest, datetime.now(UTC))
    with sentences("storage"):
        return http_client.request(method, url, content or b"", signed, access.rules, timeout=seconds)


def signed_headers(
    address: S3Address, method: str, url: str, headers: Mapping[str, str], digest: str, now: datetime
) -> dict[str, str]:
    """Return the headers with those that authenticate the request. `digest`: SHA-256 of the body.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """
    parts, moment = urlsplit(url), now.strftime("%Y%m%dT%H%M%SZ")
    signed = {**headers, "host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": moment}
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name].strip()}\n" for name in sorted(signed))
    request = f"{method}\n{parts.path}\n{parts.query}\n{lines}\n{names}\n{digest}"
    scope = f"{moment[:8]}/{address.region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{address.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    authorization = f"AWS4-HMAC-SHA256 Credential={address.key}/{scope},SignedHeaders={names},Signature={signature}"
    return {**signed, "authorization": authorization}


def _raise_for(answer: Response) -> None:
    if 200 <= answer.status < 300:
        return
    code = found[1].decode() if (found := _CODE.search(answer.body)) else ""
    if code in _MESSAGES:
        raise ChannelError(_MESSAGES[code])
    if answer.status == 403:
        raise ChannelError("The key may not do this in the bucket.")
    raise ChannelError(f"The storage answered {answer.status}.")
