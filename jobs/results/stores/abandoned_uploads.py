"""Uploads in parts that were never ended: those of children that were killed. Their parts take up space, invisibly.

obstore neither lists nor aborts them, so these two requests are made here, with the keys of the environment. Where a
role gives the rights, or for another provider, a rule of the bucket must do it; Azure drops such parts after a week by
itself.
"""

from __future__ import annotations

import hashlib
import html
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

from jobs.connections.channels.s3 import signed_headers
from jobs.connections.channels.urls import S3Address
from jobs.exceptions import StorageUnavailable

_TIMEOUT_SECONDS = 20
_MAX_ANSWER_BYTES = 4 << 20
_UPLOAD = re.compile(r"<Upload>(.*?)</Upload>", re.DOTALL)
_FIELD = re.compile(r"<(Key|UploadId|Initiated)>(.*?)</\1>", re.DOTALL)
_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def can_be_found(url: str) -> bool:
    """True if this server has what it needs to find the abandoned uploads of this store."""
    return url.startswith("s3://") and bool(os.environ.get("AWS_ACCESS_KEY_ID"))


def abort_old_uploads(url: str, before: datetime) -> int:
    """Abort the uploads to this store that began earlier. Return their number. Raises StorageUnavailable."""
    if not can_be_found(url):
        return 0
    bucket = _bucket(url)
    aborted = 0
    for key, upload_id, began_at in _uploads(bucket):
        if began_at < before:
            _request(bucket, "DELETE", key, {"uploadId": upload_id})
            aborted += 1
    return aborted


def _bucket(url: str) -> S3Address:
    parts, variables = urlsplit(url), os.environ
    region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or "us-east-1"
    endpoint = variables.get("AWS_ENDPOINT_URL") or variables.get("AWS_ENDPOINT")
    return S3Address(
        key=variables["AWS_ACCESS_KEY_ID"],
        secret=variables.get("AWS_SECRET_ACCESS_KEY", ""),
        region=region,
        endpoint=(endpoint or f"https://s3.{region}.amazonaws.com").rstrip("/"),
        bucket=parts.netloc,
        folder=parts.path.strip("/"),
    )


def _uploads(bucket: S3Address) -> Iterator[tuple[str, str, datetime]]:
    """Yield key, id and beginning of the uploads to the store, up to the 1,000 that an answer has."""
    prefix = f"{bucket.folder}/" if bucket.folder else ""
    answer = _request(bucket, "GET", "", {"prefix": prefix, "uploads": ""})
    for upload in _UPLOAD.findall(answer):
        fields = {name: html.unescape(text) for name, text in _FIELD.findall(upload)}
        # Not all stores heed the prefix.
        if fields["Key"].startswith(prefix):
            yield fields["Key"], fields["UploadId"], datetime.fromisoformat(fields["Initiated"])


def _request(bucket: S3Address, method: str, key: str, query: Mapping[str, str]) -> str:
    path = f"{bucket.endpoint}/{bucket.bucket}/{quote(key)}".removesuffix("/")
    url = f"{path}?{urlencode(sorted(query.items()), quote_via=quote, safe='')}"
    session = os.environ.get("AWS_SESSION_TOKEN")
    headers = {"x-amz-security-token": session} if session else {}
    signed = signed_headers(bucket, method, url, headers, _EMPTY_SHA256, datetime.now(UTC))
    request = urllib.request.Request(url, method=method, headers=signed)  # noqa: S310 - http only where the operator set it
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - likewise
            return str(answer.read(_MAX_ANSWER_BYTES), "utf-8", "replace")
    except urllib.error.HTTPError as error:
        if method == "DELETE" and error.code == 404:  # Another host was faster.
            return ""
        raise StorageUnavailable(f"The object store doesn't list or abort uploads ({error.code}).") from None
    except OSError as error:
        raise StorageUnavailable("The object store doesn't answer.") from error
