"""PyMySQL with MariaDB's extended type information, which tells JSON from other text.

MariaDB stores JSON as LONGTEXT. Since 10.5 it sends the format of a column to clients that ask for it when they connect
(MariaDB documentation, "Connecting" and "Result set packets"). PyMySQL doesn't ask.
"""

from __future__ import annotations

import struct
from typing import Any

from pymysql.connections import Connection
from pymysql.constants import CLIENT
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket
from sqlalchemy import Engine, event

#: In the greeting after the server's version: capabilities, and MariaDB's own ones.
_CAPABILITIES_AT, _OWN_CAPABILITIES_AT = 13, 27
#: In the client's answer: capabilities, and MariaDB's own ones.
_ANSWER = struct.Struct("<I24xI")
_EXTENDED_TYPES = 1 << 3
#: The answer is the client's first packet, or with TLS its first and its second. Packets of both sides are counted.
_LAST_ANSWER = 2
#: The type of an entry that names the format of a column, as opposed to its data type.
_FORMAT_ENTRY = 1


#: Without types, because those of PyMySQL leave out the methods that are overridden here.
_Connection: Any = Connection
_FieldDescriptorPacket: Any = FieldDescriptorPacket


class DescribedField(_FieldDescriptorPacket):  # type: ignore[misc]
    """The description of a column with its format, such as json, or an empty text."""

    def _parse_field_descriptor(self, encoding: str) -> None:
        self.catalog, self.db = self.read_length_coded_string(), self.read_length_coded_string()
        names = [self.read_length_coded_string().decode(encoding) for _ in range(4)]
        self.table_name, self.org_table, self.name, self.org_name = names
        self.format = _format(self.read_length_coded_string())
        fixed = self.read_struct("<xHIBHBxx")
        self.charsetnr, self.length, self.type_code, self.flags, self.scale = fixed


class ExtendedConnection(_Connection):  # type: ignore[misc]
    """A connection to MySQL, or to MariaDB with the formats of columns."""

    #: Whether the server sends formats. None until its greeting is read.
    _extended: bool | None = None
    _is_connecting = False

    def _read_packet(self, packet_type: Any = MysqlPacket) -> Any:
        if self._extended and packet_type is FieldDescriptorPacket:
            packet_type = DescribedField
        packet = super()._read_packet(packet_type)
        if self._extended is None:
            self._extended = _offers_extended_types(packet.get_all_data())
        return packet

    def _request_authentication(self) -> None:
        self._is_connecting = True
        super()._request_authentication()
        self._is_connecting = False

    def write_packet(self, payload: bytes) -> None:
        if self._extended and self._is_connecting and self._next_seq_id <= _LAST_ANSWER:
            capabilities, own = _ANSWER.unpack_from(payload)
            # Without this flag, which every MySQL client sets, the server reads MariaDB's own ones.
            head = _ANSWER.pack(capabilities & ~CLIENT.LONG_PASSWORD, own | _EXTENDED_TYPES)
            # The size of packets and the character set are between the two.
            payload = head[:4] + payload[4:28] + head[28:] + payload[32:]
        super().write_packet(payload)


def use_extended_connections(engine: Engine) -> None:
    """Let the engine connect by ExtendedConnection. Only for MySQL and MariaDB."""

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, arguments: Any, settings: Any) -> ExtendedConnection:
        return ExtendedConnection(*arguments, **settings)


def _offers_extended_types(greeting: bytes) -> bool:
    after_version = greeting.find(b"\0", 1) + 1
    if len(greeting) < after_version + _OWN_CAPABILITIES_AT + 4:
        return False
    capabilities = struct.unpack_from("<H", greeting, after_version + _CAPABILITIES_AT)[0]
    own = struct.unpack_from("<I", greeting, after_version + _OWN_CAPABILITIES_AT)[0]
    return not capabilities & CLIENT.LONG_PASSWORD and bool(own & _EXTENDED_TYPES)


def _format(entries: bytes) -> str:
    """The format among the entries, each of which is its type, its length and a text."""
    at = 0
    while at + 1 < len(entries):
        kind, length = entries[at], entries[at + 1]
        if kind == _FORMAT_ENTRY:
            return entries[at + 2 : at + 2 + length].decode()
        at += 2 + length
    return ""
