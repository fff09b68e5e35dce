"""Messages to channels of Slack and Teams, through the incoming webhook of each."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from common.outbound import http_client
from jobs.connections.channels.base import Access, ChannelError, sentences

#: Answers that another attempt would get too: the webhook was removed, or its channel was archived.
_PERMANENT = (400, 403, 404, 410)
_MAX_TITLE, _MAX_BODY = 250, 10_000


class ChatMessage(NamedTuple):
    """A message: its title, its text, and a link with its label; none if the address is empty."""

    title: str
    body: str
    link: str = ""
    link_label: str = ""


def send(kind: str, access: Access, message: ChatMessage) -> None:
    """Post a message. Raises ChannelError."""
    payload = _slack(message) if kind == "slack" else _teams(message)
    headers = {"Content-Type": "application/json", "User-Agent": "reportserver"}
    with sentences("webhook"):
        status = http_client.post(access.url, json.dumps(payload).encode(), headers, access.rules)
    if not 200 <= status < 300:
        raise ChannelError(f"The webhook answered {status}.", permanent=status in _PERMANENT)


def _slack(message: ChatMessage) -> dict[str, Any]:
    """https://api.slack.com/reference/surfaces/formatting"""
    lines = [f"*{_escaped(message.title.replace('*', ''))}*", _escaped(message.body)]
    if message.link:
        lines.append(f"<{message.link}|{_escaped(message.link_label)}>")
    return {"text": "\n".join(filter(None, lines)), "unfurl_links": False}


def _escaped(text: str) -> str:
    # Otherwise <!channel> in a value would notify everybody.
    return text[:_MAX_BODY].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(message: ChatMessage) -> dict[str, Any]:
    """An Adaptive Card. TextRun, unlike TextBlock, shows its text as it is, without Markdown."""
    title = {"type": "TextRun", "text": message.title[:_MAX_TITLE], "weight": "Bolder", "size": "Medium"}
    lines = message.body[:_MAX_BODY].splitlines()
    body = [{"type": "RichTextBlock", "inlines": [title]}]
    body += [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]} for line in lines if line]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if message.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": message.link_label, "url": message.link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}
