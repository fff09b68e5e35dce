"""What connections lead to: a real server for S3 and SFTP, and one that records messages."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from common.outbound.connecting import AddressRules
from jobs.connections.channels import chat, s3, sftp, urls
from jobs.connections.channels.base import Access, ChannelError, FileExists, SentFile
from jobs.connections.channels.chat import ChatMessage
from jobs.connections.channels.check import check
from jobs.connections.channels.urls import S3Address
from tests.sinks import call_sink
from tests.weed import PASSWORD, READER, USER, Weed

ANYWHERE = AddressRules(anywhere=True)
PATH = "2026/ü b&c.csv"


def sent(content: bytes, sender: str = "one", *, path: str = PATH, replaces: bool = False) -> SentFile:
    return SentFile(path, len(content), hashlib.sha256(content).hexdigest(), sender, "1", replaces)


# --- S3 ---------------------------------------------------------------------------------------------------------------


def test_a_signature_is_that_of_the_published_example() -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "Example: PUT Object"."""
    address = S3Address(
        "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", "", "examplebucket", ""
    )
    digest = hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()
    url = "https://examplebucket.s3.amazonaws.com/test%24file.text"
    headers = {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
    signed = s3.signed_headers(address, "PUT", url, headers, digest, datetime(2013, 5, 24, tzinfo=UTC))
    assert signed["authorization"].endswith("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")


def test_an_object_is_written_once_for_each_sender(weed: Weed) -> None:
    access = Access(weed.s3_url("once in"), ANYWHERE)
    for _attempt in range(2):
        s3.check_free(access, sent(b"first"))
        s3.write(access, sent(b"first"), io.BytesIO(b"first"))
    other = sent(b"other", "two")
    with pytest.raises(FileExists):
        s3.check_free(access, other)
    with pytest.raises(FileExists):
        s3.write(access, other, io.BytesIO(b"other"))
    assert weed.read(f"once in/{PATH}") == b"first"
    s3.write(access, sent(b"other", "two", replaces=True), io.BytesIO(b"other"))
    assert weed.read(f"once in/{PATH}") == b"other"


def test_an_object_of_another_program_is_not_replaced(weed: Weed) -> None:
    weed.put("theirs.csv", b"theirs")
    with pytest.raises(FileExists):
        s3.check_free(Access(weed.s3_url(), ANYWHERE), sent(b"x", path="theirs.csv"))


def test_a_file_that_s3_cannot_take_is_refused_before_it_is_sent() -> None:
    huge = SentFile("x", 6 * 1024**3, "", "one", "1", replaces=True)
    with pytest.raises(ChannelError, match="larger than 5 GB") as error:
        s3.write(Access("s3://a:b@bucket", ANYWHERE), huge, io.BytesIO())
    assert error.value.permanent


# --- SFTP -------------------------------------------------------------------------------------------------------------


def test_a_file_appears_whole_and_once_for_each_sender(weed: Weed) -> None:
    access = Access(weed.sftp_url("once"), ANYWHERE, host_key=weed.public_host_key)
    content = b"0123456789" * 500_000
    for _attempt in range(2):
        sftp.write(access, [sent(content)], lambda _file: io.BytesIO(content))
    with pytest.raises(FileExists):
        sftp.write(access, [sent(b"other", "two")], lambda _file: io.BytesIO(b"other"))
    assert _listed(weed, "once/2026") == {"ü b&c.csv": len(content)}, "no draft is left"
    sftp.write(access, [sent(b"other", "two", replaces=True)], lambda _file: io.BytesIO(b"other"))
    assert _listed(weed, "once/2026") == {"ü b&c.csv": 5}


def test_no_file_appears_if_one_of_them_can_not_be_read(weed: Weed) -> None:
    def open_file(file: SentFile) -> Any:
        if "second" in file.path:
            raise ChannelError("The result file is missing.", permanent=True)
        return io.BytesIO(b"first")

    access = Access(weed.sftp_url("none"), ANYWHERE, host_key=weed.fingerprint)
    with pytest.raises(ChannelError, match="missing"):
        sftp.write(access, [sent(b"first", path="first"), sent(b"second", path="second")], open_file)
    assert _listed(weed, "none") == {}


def test_a_private_key_signs_in(weed: Weed) -> None:
    url = weed.sftp_url("by-key", password=None)
    access = Access(url, ANYWHERE, private_key=weed.private_user_key, host_key=weed.fingerprint)
    assert check("sftp", access, "drop").ok


def test_only_the_pinned_key_counts_whatever_hosts_the_account_of_the_server_knows(
    weed: Weed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{weed.sftp_port} {weed.public_host_key}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    access = Access(weed.sftp_url("pinned"), ANYWHERE, host_key=f"SHA256:{'A' * 43}")
    with pytest.raises(ChannelError, match="another host key"):
        sftp.write(access, [sent(b"for the pinned server only")], lambda _file: io.BytesIO())


def _listed(weed: Weed, folder: str) -> dict[str, int]:
    """Files below the user's folder with their sizes."""

    async def listed() -> dict[str, int]:
        at = {"host": "127.0.0.1", "port": weed.sftp_port, "username": USER, "password": PASSWORD}
        async with asyncssh.connect(**at, known_hosts=None) as connection, connection.start_sftp_client() as client:
            found = await client.readdir(f"/home/{USER}/{folder}")
        return {str(entry.filename): entry.attrs.size or 0 for entry in found if str(entry.filename) not in (".", "..")}

    return asyncio.run(listed())


# --- Chats ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["slack", "teams"])
def test_a_message_has_title_text_and_link_and_notifies_nobody(kind: str) -> None:
    message = ChatMessage("Delays *<!channel>*", "3 rows & [more](http://x)\n<@U1>", "http://server/jobs/1", "Open")
    with call_sink() as sink:
        chat.send(kind, Access(sink.url, ANYWHERE), message)
    ((headers, body),) = sink.received
    assert headers["content-type"] == "application/json"
    payload = json.loads(body)
    if kind == "slack":
        assert payload["text"] == (
            "*Delays &lt;!channel&gt;*\n3 rows &amp; [more](http://x)\n&lt;@U1&gt;\n<http://server/jobs/1|Open>"
        )
        return
    card = payload["attachments"][0]["content"]
    texts = [block["inlines"][0]["text"] for block in card["body"]]
    assert texts == ["Delays *<!channel>*", "3 rows & [more](http://x)", "<@U1>"]
    assert {block["inlines"][0]["type"] for block in card["body"]} == {"TextRun"}, "which shows no Markdown"
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open", "url": "http://server/jobs/1"}]


@pytest.mark.parametrize(("status", "permanent"), [(404, True), (410, True), (429, False), (500, False)])
def test_a_webhook_that_is_gone_is_not_tried_again(status: int, permanent: bool) -> None:
    with call_sink() as sink, pytest.raises(ChannelError, match=f"answered {status}") as error:
        sink.status = status
        chat.send("slack", Access(sink.url, ANYWHERE), ChatMessage("a", "b"))
    assert error.value.permanent is permanent


# --- Tests of a connection --------------------------------------------------------------------------------------------


def test_a_test_says_what_is_wrong(weed: Weed) -> None:
    pinned = weed.fingerprint
    cases: list[tuple[str, str, str, str]] = [
        ("s3", weed.s3_url("test"), "", "The connection works: a file was written and deleted."),
        ("s3", weed.s3_url(secret="wrong"), "", "The storage refused the key or its secret."),
        ("s3", weed.s3_url(key="nobody"), "", "The storage refused the key or its secret."),
        ("s3", weed.s3_url(key=READER, secret=READER), "", "The key may not do this in the bucket."),
        ("s3", weed.s3_url(bucket="nowhere"), "", "The storage has no such bucket."),
        ("s3", f"s3://a:b@lake?endpoint=http://127.0.0.1:{weed.sftp_port}", "", "The storage is not responding."),
        ("sftp", weed.sftp_url("test"), pinned, "The connection works: a file was written and deleted."),
        ("sftp", weed.sftp_url(), "", f"The server's host key is {pinned}. Compare it with what its operator says, "),
        ("sftp", weed.sftp_url(), f"SHA256:{'A' * 43}", "The server has another host key than the connection. "),
        ("sftp", weed.sftp_url(password="wrong"), pinned, "The server refused the user name, the password or"),
        ("sftp", f"sftp://a:b@127.0.0.1:{weed.s3_port}", pinned, "The server is not responding as an SSH server"),
    ]
    for kind, url, host_key, sentence in cases:
        found = check(kind, Access(url, ANYWHERE, host_key=host_key), "drop")
        assert found.message.startswith(sentence), (kind, found)
        assert found.ok is sentence.startswith("The connection works")


def test_addresses_follow_the_rules_of_webhooks(weed: Weed) -> None:
    refused = "This server is not allowed to call the connection's address."
    for kind, url in (("s3", weed.s3_url()), ("sftp", weed.sftp_url()), ("slack", "http://127.0.0.1:1/x")):
        assert check(kind, Access(url, AddressRules(), host_key=weed.fingerprint), "drop").message == refused


# --- URLs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "url", "words"),
    [
        ("s3", "s3://bucket/folder", "Must be like s3://"),
        ("s3", "s3://key:se/cret@bucket", "Encode special characters"),
        ("s3", "s3://key:secret@bucket?region=x y", "without spaces"),
        ("s3", "s3://key:secret@bucket?regio=x", "there can be region and endpoint"),
        ("s3", "s3://key:secret@bucket?endpoint=file:///etc", "endpoint must be"),
        ("s3", "s3://key:secret@bucket?endpoint=http://host/path", "endpoint must be"),
        ("s3", "s3://key:secret@bucket?region=../x", "region must be"),
        ("s3", "https://example.com", "Must be like s3://"),
        ("sftp", "sftp://host/folder", "Must be like sftp://"),
        ("sftp", "sftp://user@host/folder", "a password unless there is a private key"),
        ("sftp", "sftp://user:pw@host:99999/", "Must be like sftp://"),
        ("slack", "ftp://hooks.slack.com/x", "Must be the https address"),
        ("teams", "https://", "Must be the https address"),
        ("teams", "http://hooks.example.com/x", "Must be the https address"),
        ("teams", "x" * 3000, "at most 2000"),
    ],
)
def test_what_is_wrong_with_a_url_is_a_sentence_without_the_url(kind: str, url: str, words: str) -> None:
    sentence = urls.url_error(kind, url)
    assert sentence and words in sentence and "cret@" not in sentence


def test_a_shown_url_has_no_secrets() -> None:
    assert urls.shown("s3", "s3://k:s@b/f?region=eu") == "s3://b/f?region=eu"
    assert urls.shown("sftp", "sftp://u:p@h:22/f") == "sftp://u@h:22/f"
    assert urls.shown("slack", "https://hooks.slack.com/services/T/B/secret") == "https://hooks.slack.com/…"
