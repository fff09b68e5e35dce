"""Firefox, driven over WebDriver BiDi. Firefox implements this W3C draft itself, so no driver program is needed."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

_BINARY = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), "firefox-esr")
_SECONDS = 30.0
#: On a busy machine, the first start of Firefox takes a minute.
_START_SECONDS = 120.0
#: Load nothing but the pages under test, and keep nothing of an earlier run.
_PREFERENCES = {
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
    "signon.rememberSignons": False,
    "browser.download.folderList": 2,
}
_CONTROL = "\ue009"


@dataclass
class Firefox:
    """One window. Methods that wait raise AssertionError after 30 seconds."""

    socket: ClientConnection
    #: The folder of downloaded files.
    downloads: Path
    context: str = ""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def call(self, method: str, *, seconds: float = _SECONDS, **parameters: Any) -> dict[str, Any]:
        """Send a command of the protocol and return its result, which must come within `seconds`."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv(seconds))
            if answer.get("id") == number:
                assert answer["type"] == "success", f"{method}: {answer.get('message')}"
                return dict(answer["result"])

    def open(self, url: str) -> None:
        self.call("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def buttons(self, name: str) -> list[dict[str, Any]]:
        """Return the buttons with this accessible name."""
        locator = {"type": "accessibility", "value": {"role": "button", "name": name}}
        return list(self.call("browsingContext.locateNodes", context=self.context, locator=locator)["nodes"])

    def element(self, selector: str) -> dict[str, Any]:
        """Wait for the first element that matches a CSS selector, and return it."""
        locator = {"type": "css", "value": selector}
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            nodes = self.call("browsingContext.locateNodes", context=self.context, locator=locator)["nodes"]
            if nodes:
                return dict(nodes[0])
            time.sleep(0.05)
        raise AssertionError(f"No element matches {selector}.")

    def value(self, expression: str) -> Any:
        """Evaluate a JavaScript expression."""
        target = {"context": self.context}
        result = self.call("script.evaluate", expression=expression, target=target, awaitPromise=False)["result"]
        return result.get("value")

    def wait_for(self, expression: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not self.value(expression):
            assert time.monotonic() < deadline, f"Not within {_SECONDS:.0f} s: {expression}"
            time.sleep(0.05)

    def run(self, function: str, *nodes: dict[str, Any]) -> None:
        """Call a JavaScript function with these elements as arguments."""
        arguments = [{"sharedId": node["sharedId"]} for node in nodes]
        target = {"context": self.context}
        self.call(
            "script.callFunction", functionDeclaration=function, arguments=arguments, target=target, awaitPromise=False
        )

    def click(self, node: dict[str, Any], times: int = 1) -> None:
        self.run("element => element.scrollIntoView({block: 'center'})", node)
        origin = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._act("pointer", [{"type": "pointerMove", "x": 0, "y": 0, "origin": origin}, *press * times])

    def type(self, selector: str, text: str) -> None:
        """Replace the text of a field."""
        self.click(self.element(selector))
        whole = [("keyDown", _CONTROL), ("keyDown", "a"), ("keyUp", "a"), ("keyUp", _CONTROL)]
        written = [(kind, key) for key in text for kind in ("keyDown", "keyUp")]
        self._act("key", [{"type": kind, "value": key} for kind, key in whole + written])

    def downloaded(self, name: str) -> bytes:
        """Wait for a downloaded file and return its content."""
        deadline = time.monotonic() + _SECONDS
        while not (files := [path for path in self.downloads.glob(name) if path.stat().st_size]):
            assert time.monotonic() < deadline, f"No {name} was downloaded."
            time.sleep(0.05)
        return files[0].read_bytes()

    def _act(self, kind: str, actions: list[dict[str, Any]]) -> None:
        source = {"type": kind, "id": kind, "actions": actions}
        self.call("input.performActions", context=self.context, actions=[source])


@contextmanager
def firefox(folder: Path) -> Iterator[Firefox]:
    """Run Firefox with a new profile in `folder`."""
    downloads = folder / "downloads"
    downloads.mkdir()
    preferences = _PREFERENCES | {"browser.download.dir": str(downloads)}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in preferences.items()]
    (folder / "user.js").write_text("\n".join(lines))
    command = [_BINARY, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(folder)]
    log = folder / "stderr.txt"
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=errors, stderr=errors)
    try:
        with connect(f"{_address(log)}/session", max_size=None) as socket:
            window = Firefox(socket, downloads)
            window.call("session.new", seconds=_START_SECONDS, capabilities={})
            window.context = window.call("browsingContext.getTree")["contexts"][0]["context"]
            yield window
    finally:
        process.terminate()
        process.wait(20)


def _address(log: Path) -> str:
    deadline = time.monotonic() + 2 * _SECONDS
    while time.monotonic() < deadline:
        if match := re.search(r"WebDriver BiDi listening on (ws://\S+)", log.read_text()):
            return match[1]
        time.sleep(0.05)
    raise AssertionError(f"Firefox did not report its address: {log.read_text()}")
