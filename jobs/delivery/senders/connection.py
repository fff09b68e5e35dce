"""Delivery through connections: files to buckets and SFTP servers, messages to chats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.utils.translation import gettext

from jobs.connections.channels import chat, s3, sftp
from jobs.connections.channels.base import Access, ChannelError, SentFile
from jobs.connections.channels.chat import ChatMessage
from jobs.connections.models import Connection
from jobs.delivery.senders.base import OutgoingResult, Undeliverable
from jobs.delivery.senders.file_share import file_name
from reports.exceptions import WrongKey


class Upload:
    """Writes each file completely or not at all. SFTP shows none before all are written; S3 has no such thing."""

    def targets(self, options: Mapping[str, Any]) -> Iterator[str]:
        yield f"{options['connection']}/{options['path']}"

    def send(self, result: OutgoingResult) -> None:
        connection = _connection(result)
        folder, slash, _name = result.options["path"].rpartition("/")
        replaces = result.options["exists"] != "fail"
        stored = {f"{folder}{slash}{file_name(result, file)}": file for file in result.artifact.files}
        sender, attempt = str(result.id), str(result.fence)
        files = [SentFile(path, file.size, file.sha256, sender, attempt, replaces) for path, file in stored.items()]
        with _undeliverable():
            if connection.kind == Connection.Kind.SFTP:
                sftp.write(_access(connection), files, lambda file: result.open(stored[file.path]))
                return
            for file in files:
                s3.check_free(_access(connection), file)
            for file in files:
                with result.open(stored[file.path]) as content:
                    s3.write(_access(connection), file, content)


class Message:
    """Posts a message with a link to the job's page. Chats don't recognize one that is sent again."""

    def targets(self, options: Mapping[str, Any]) -> Iterator[str]:
        yield str(options["connection"])

    def send(self, result: OutgoingResult) -> None:
        connection = _connection(result)
        title = result.options.get("subject") or " ".join(result.job.report_name.split())
        body = result.options.get("body") or result.summary
        with _undeliverable():
            message = ChatMessage(title, body, result.link, gettext("Open the result"))
            chat.send(connection.kind, _access(connection), message)


def _connection(result: OutgoingResult) -> Connection:
    connection = Connection.objects.filter(pk=result.options["connection_id"]).first()
    if connection is None:
        raise Undeliverable("The connection was deleted.", permanent=True)
    return connection


def _access(connection: Connection) -> Access:
    try:
        return connection.access()
    except WrongKey as error:
        raise Undeliverable(error.message) from error


@contextmanager
def _undeliverable() -> Iterator[None]:
    try:
        yield
    except ChannelError as error:
        raise Undeliverable(error.message, permanent=error.permanent) from error.__cause__
