"""What a process that has a task run in a child, the server of children, and the child tell each other.

A caller sends the server an Order, with two files: one end of a pair of sockets, and a file in memory with the pickled
task. The child answers on that socket with one message. The server adds how the child ended. A caller doesn't unpickle
anything: it must not execute what a damaged child sends.
"""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import asdict, dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from common.children.fair_queue import Caller

_HEAD = struct.Struct("!cQ")


class Kind(Enum):
    """What a message says. RESULT has JSON, ERROR a stack trace, ENDED an exit status."""

    RESULT = b"R"
    ERROR = b"E"
    OUT_OF_MEMORY = b"M"
    TOO_LARGE = b"L"
    BUSY = b"B"
    TIMEOUT = b"T"
    ENDED = b"X"


@dataclass(frozen=True, kw_only=True)
class ChildLimits:
    """What a child may use. Seconds are wall time, after which it is killed with all that it started; memory is what it
    may use beyond what it has when it starts; `result_bytes` is the size of what comes back."""

    seconds: float
    memory_bytes: int = 1 << 30
    file_bytes: int = 512 << 20
    result_bytes: int = 1 << 20
    #: How long the caller waits for a slot.
    wait_seconds: float = 4


@dataclass(frozen=True)
class Order:
    caller: Caller
    limits: ChildLimits

    def encode(self) -> bytes:
        return json.dumps([self.caller, asdict(self.limits)]).encode()

    @classmethod
    def decode(cls, data: bytes) -> Order:
        caller, limits = json.loads(data)
        return cls(Caller(*caller), ChildLimits(**limits))


def encode(kind: Kind, content: bytes = b"") -> bytes:
    return _HEAD.pack(kind.value, len(content)) + content


def receive(connection: socket.socket, max_bytes: int) -> tuple[Kind, bytes]:
    """Return the first message. Raises EOFError if it isn't complete, and OSError as recv does."""
    kind, size = _HEAD.unpack(_receive_exactly(connection, _HEAD.size))
    if size > max_bytes:
        return Kind.TOO_LARGE, b""
    return Kind(kind), _receive_exactly(connection, size)


def _receive_exactly(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = connection.recv(min(size - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def encode_result(task: Any, result: object) -> bytes:
    """Return what a task returned as JSON."""
    data = result_type(task).dump_python(result, mode="json")
    # A driver's message may have characters that UTF-8 doesn't.
    return json.dumps(data, ensure_ascii=False).encode(errors="replace")


def decode_result(task: Any, data: bytes) -> Any:
    """Return the JSON as what the task is declared to return. Raises ValueError for anything else."""
    return result_type(task).validate_json(data)


@lru_cache
def result_type(task: Any) -> TypeAdapter[Any]:
    """What the task is declared to return. Building it takes milliseconds, so it is done once."""
    return TypeAdapter(get_type_hints(task)["return"])
