"""What is wrong with an object store, as a sentence, and what to do about it."""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from jobs.exceptions import StorageUnavailable

log = logging.getLogger(__name__)
#: In the body of a store's answer.
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>")
_STATUS = re.compile(r"non-2xx status code: (\d{3})")


class Problem(NamedTuple):
    """A sentence, which names neither hosts nor buckets, and a remedy."""

    sentence: str
    remedy: str


_RIGHTS = "Give it the rights to list the bucket, and to get, put and delete its objects."
_OTHER_REGION = Problem("The bucket is in another region.", "Set AWS_REGION to the bucket's region.")
_FULL = Problem("The object store is full.", "Free space, or run manage.py purge_results --older-than DAYS.")
_OVERLOADED = Problem("The object store is overloaded or not ready.", "Look at its own log, and try again.")
_NOT_ANSWERING = Problem(
    "The object store doesn't answer.", "Start it, or correct AWS_ENDPOINT_URL, and see that this host reaches it."
)
_NO_CREDENTIALS = Problem(
    "There are no credentials for the object store.", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
)
_NO_RIGHTS = Problem("The credentials of the object store don't give the rights that are needed.", _RIGHTS)
NO_BUCKET = Problem("The bucket doesn't exist.", "Create it, or correct the name.")
_BY_CODE: Mapping[str, Problem] = {
    "InvalidAccessKeyId": Problem("The object store doesn't know the access key.", "Correct AWS_ACCESS_KEY_ID."),
    "SignatureDoesNotMatch": Problem(
        "The object store refuses the secret of the access key.", "Correct AWS_SECRET_ACCESS_KEY."
    ),
    "AccessDenied": _NO_RIGHTS,
    "AuthorizationPermissionMismatch": _NO_RIGHTS,
    "ExpiredToken": Problem("The session of the access key has expired.", "Set a new AWS_SESSION_TOKEN."),
    "InvalidToken": Problem("The object store refuses the session of the access key.", "Correct AWS_SESSION_TOKEN."),
    "RequestTimeTooSkewed": Problem(
        "The clock of this host differs from the object store's by more than it accepts.",
        "Synchronize both clocks, for example with chrony.",
    ),
    "InvalidBucketName": Problem("The name of the bucket is not valid.", "Correct it."),
    "PermanentRedirect": _OTHER_REGION,
    "AuthorizationHeaderMalformed": _OTHER_REGION,
    "IllegalLocationConstraintException": _OTHER_REGION,
    "QuotaExceeded": _FULL,
    "InsufficientStorage": _FULL,
    "XMinioStorageFull": _FULL,
    "SlowDown": _OVERLOADED,
    "ServiceUnavailable": _OVERLOADED,
}
_BY_STATUS: Mapping[str, Problem] = {"401": _NO_RIGHTS, "403": _NO_RIGHTS, "507": _FULL}
#: Parts of obstore's own messages, in lower case.
_BY_TEXT: Mapping[str, Problem] = {
    "169.254.169.254": _NO_CREDENTIALS,
    "169.254.170.2": _NO_CREDENTIALS,
    "incorrectly configured region": _OTHER_REGION,
    "certificate": Problem(
        "The certificate of the object store is not trusted.", "Add its authority to the system's or to SSL_CERT_FILE."
    ),
    "url scheme is not allowed": Problem("The object store is not reached over https.", "Correct its URL."),
    "account must be specified": Problem("The storage account is missing.", "Set AZURE_STORAGE_ACCOUNT_NAME."),
    "error sending request": _NOT_ANSWERING,
    "timed out": _NOT_ANSWERING,
}


def problem_of(error: Exception) -> Problem:
    """Return what an error of obstore says."""
    text = str(error)
    code, status = _CODE.search(text), _STATUS.search(text)
    if code and code[1] in _BY_CODE:
        return _BY_CODE[code[1]]
    if status and status[1] in _BY_STATUS:
        return _BY_STATUS[status[1]]
    if status and status[1].startswith("5"):
        return _OVERLOADED
    lowered = text.lower()
    found = next((problem for part, problem in _BY_TEXT.items() if part in lowered), None)
    if found:
        return found
    detail = (code and code[1]) or (status and status[1]) or type(error).__name__
    return Problem(f"The object store refuses requests ({detail}).", "Compare its settings with its documentation.")


def error_of(error: Exception) -> Exception:
    """Return the exception to raise in place of obstore's: OSError if the store is full, else StorageUnavailable."""
    problem = problem_of(error)
    log.warning("%s", problem.sentence)
    if problem is _FULL:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return StorageUnavailable(problem.sentence, problem.remedy)
