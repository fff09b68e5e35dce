"""Answers to requests that never reach Django: those that are not HTTP, or longer than the web server reads."""

from __future__ import annotations

import json
import logging
import uuid
from http import HTTPStatus

from gunicorn.http import errors as http

log = logging.getLogger("reportserver.calls")
_SERVER_FAILED = (HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Internal server error. The log has the details.")
_NOT_HTTP = (HTTPStatus.BAD_REQUEST, "bad_request", "The request is not valid HTTP.")
_ANSWERS: dict[type[Exception], tuple[HTTPStatus, str, str]] = {
    http.LimitRequestLine: (
        HTTPStatus.REQUEST_URI_TOO_LONG,
        "uri_too_long",
        "The address is too long. Use fewer or shorter filters.",
    ),
    http.LimitRequestHeaders: (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "headers_too_large",
        "The request has too many headers, or one that is too long.",
    ),
    http.UnsupportedTransferCoding: (
        HTTPStatus.NOT_IMPLEMENTED,
        "unsupported_transfer_coding",
        "This transfer coding is not supported. Use chunked, or none.",
    ),
    http.ExpectationFailed: (
        HTTPStatus.EXPECTATION_FAILED,
        "expectation_failed",
        "This expectation is not supported. Use 100-continue, or none.",
    ),
    # Errors of the server itself, although their classes say otherwise.
    http.InvalidResponseHeader: _SERVER_FAILED,
    http.InvalidResponseHeaderName: _SERVER_FAILED,
    http.ConfigurationProblem: _SERVER_FAILED,
    http.ParseException: _NOT_HTTP,
}


def response_to(error: Exception) -> bytes:
    """Return the whole response to a request that ended with this error, with the contract's body, and log the call."""
    answers = (_ANSWERS[kind] for kind in type(error).__mro__ if kind in _ANSWERS)
    status, code, sentence = next(answers, _SERVER_FAILED)
    request_id = uuid.uuid4().hex
    body = json.dumps({"error": sentence, "code": code}).encode()
    fields = {"request_id": request_id, "call": "(unreadable)", "status": int(status)}
    # Not the error's own text: it quotes the request.
    log.info("call", extra=fields, exc_info=error if status >= 500 else None)
    head = (
        f"HTTP/1.1 {int(status)} {status.phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"X-Request-ID: {request_id}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
