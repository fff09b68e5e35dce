"""The hash chain: any change of an entry, their order, their number or the end of the chain is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from audit import chain
from audit.chain import Checkpoint, Head, Link, VerificationFailure

KEY = b"the key of this test"


def make_chain(length: int) -> tuple[list[Link], Head]:
    links = []
    last_hash = chain.GENESIS
    for sequence in range(1, length + 1):
        content = {"actor": f"user{sequence}", "details": {"n": sequence}}
        digest = chain.entry_hash(KEY, sequence, last_hash, content)
        links.append(Link(sequence, content, last_hash, digest))
        last_hash = digest
    return links, Head(length, last_hash, chain.head_seal(KEY, length, last_hash))


LINKS, HEAD = make_chain(4)


@pytest.mark.parametrize("length", [0, 1, 4])
def test_an_intact_chain_is_verified(length: int) -> None:
    links, head = make_chain(length)
    assert chain.verify_chain(KEY, links, head) is None


def test_the_order_of_keys_makes_no_difference() -> None:
    assert chain.canonical({"a": 1, "b": "ä"}) == chain.canonical({"b": "ä", "a": 1}) == '{"a":1,"b":"ä"}'.encode()


def without(links: list[Link], sequence: int) -> list[Link]:
    return [link for link in links if link.sequence != sequence]


def with_change(links: list[Link], sequence: int, **fields: object) -> list[Link]:
    return [replace(link, **fields) if link.sequence == sequence else link for link in links]  # type: ignore[arg-type]


def rehashed(links: list[Link], key: bytes) -> list[Link]:
    """Change the second entry and compute all hashes again, with this key."""
    last_hash, changed = chain.GENESIS, []
    for link in with_change(links, 2, content={"actor": "mallory"}):
        digest = chain.entry_hash(key, link.sequence, last_hash, link.content)
        changed.append(replace(link, previous_hash=last_hash, hash=digest))
        last_hash = digest
    return changed


CHANGED = "the entry was changed after it was written"
TAMPERED: dict[str, tuple[Callable[[], list[Link]], int, str]] = {
    "changed content": (lambda: with_change(LINKS, 2, content={"actor": "mallory"}), 2, CHANGED),
    "changed hash": (lambda: with_change(LINKS, 3, hash="0" * 64), 3, CHANGED),
    "changed previous hash": (
        lambda: with_change(LINKS, 3, previous_hash="0" * 64), 3, "the entry does not follow the one before it",
    ),
    "a missing first entry": (lambda: without(LINKS, 1), 1, "the entry is missing"),
    "a missing entry": (lambda: without(LINKS, 3), 3, "the entry is missing"),
    "a missing end": (lambda: LINKS[:-1], 4, "entries at the end of the log are missing"),
    "an empty log": (list, 1, "entries at the end of the log are missing"),
    "a swap": (lambda: [LINKS[1], LINKS[0], *LINKS[2:]], 1, "the entry is missing"),
    "a duplicate": (lambda: [*LINKS, LINKS[-1]], 5, "the entry is missing"),
    "hashes of another key": (lambda: rehashed(LINKS, b"another key"), 1, CHANGED),
    "hashes of the right key": (lambda: rehashed(LINKS, KEY), 5, "entries follow the sealed end of the log"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_the_first_entry_that_was_tampered_with_is_named(what: str) -> None:
    tampered, sequence, reason = TAMPERED[what]
    assert chain.verify_chain(KEY, tampered(), HEAD) == VerificationFailure(sequence, reason)


def test_a_sealed_entry_can_not_be_moved_to_another_number() -> None:
    moved = replace(LINKS[0], sequence=2)
    failure = chain.verify_links(KEY, [moved], Checkpoint(1, chain.GENESIS))
    assert failure == VerificationFailure(2, CHANGED)


@pytest.mark.parametrize("field", ["sequence", "hash", "seal"])
def test_a_head_is_only_valid_with_its_own_seal(field: str) -> None:
    head = replace(HEAD, **{field: 3 if field == "sequence" else "0" * 64})  # type: ignore[arg-type]
    failure = chain.verify_chain(KEY, LINKS, head)
    assert failure == VerificationFailure(head.sequence, "the seal of the log's end is not valid")


def test_entries_after_the_head_are_noticed() -> None:
    _, shorter = make_chain(3)
    assert chain.verify_chain(KEY, LINKS, shorter) == VerificationFailure(4, "entries follow the sealed end of the log")


def test_verification_continues_at_a_checkpoint() -> None:
    checkpoint = chain.verify_links(KEY, LINKS[:2])
    assert checkpoint == Checkpoint(2, LINKS[1].hash)
    assert chain.verify_links(KEY, LINKS[2:], checkpoint) == Checkpoint(4, LINKS[3].hash)
    assert chain.verify_links(KEY, LINKS[3:], checkpoint) == VerificationFailure(3, "the entry is missing")


def test_hashes_and_seals_differ_by_purpose() -> None:
    content: dict[str, object] = {}
    values = [
        chain.entry_hash(KEY, 1, chain.GENESIS, content),
        chain.head_seal(KEY, 1, chain.GENESIS),
        chain.check_seal(KEY, content),
    ]
    assert len(set(values)) == 3
    assert all(len(value) == 64 for value in values)
