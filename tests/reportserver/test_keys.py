"""The server's secrets."""

from __future__ import annotations

import secrets
import stat
import threading
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from reportserver.keys import NAMES, is_guessable, load_keys


@pytest.fixture(autouse=True)
def no_keys_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(f"REPORTSERVER_{name}")


def test_missing_keys_are_generated_once_and_readable_by_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "keys"
    keys = load_keys(folder, local=True)
    assert load_keys(folder, local=True) == keys
    assert len(set(keys.values())) == 4
    assert not any(is_guessable(key) for key in keys.values())
    for path in (folder, *folder.iterdir()):
        assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    assert len(list(folder.iterdir())) == 4, "no drafts are left"


def test_processes_that_start_at_the_same_time_get_the_same_keys(tmp_path: Path) -> None:
    results: list[dict[str, str]] = []
    threads = [threading.Thread(target=lambda: results.append(load_keys(tmp_path, local=True))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(keys == results[0] for keys in results)


def test_a_key_in_the_environment_is_used_and_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = secrets.token_urlsafe(32)
    monkeypatch.setenv("REPORTSERVER_JWT_KEY", key)
    assert load_keys(tmp_path, local=True)["JWT_KEY"] == key
    assert not (tmp_path / "jwt_key").exists()


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file")
    with pytest.raises(ImproperlyConfigured, match=r"^REPORTSERVER_DATA_DIR: .* can't be read or written: .*\.$"):
        load_keys(tmp_path / "keys", local=True)


def test_keys_are_not_generated_for_a_public_server(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^REPORTSERVER_SECRET_KEY is not set"):
        load_keys(tmp_path, local=False)


@pytest.mark.parametrize(
    "key",
    [
        "k" * 50,
        "ab" * 20,
        "change-me5d486b6da7d71c49fa286e28fa",
        "aB3$x9-aB3$x9-aB3$x9-aB3$x9-aB3",
        "abc" + "d" * 40,
    ],
)
def test_guessable_keys(key: str) -> None:
    assert is_guessable(key)


def test_random_keys_are_not_guessable() -> None:
    assert not any(is_guessable(key) for key in (secrets.token_hex(16), secrets.token_urlsafe(32), "correct horse bat"))
