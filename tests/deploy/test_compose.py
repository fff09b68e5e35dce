"""deploy/compose.yaml and deploy/Containerfile fit each other, the compose specification and the settings."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from tests.server import ROOT

FOLDER = ROOT / "deploy"
_VARIABLE = re.compile(r"\$\{(\w+)(:[-?])?([^}]*)\}")


def example() -> dict[str, str]:
    """The variables of the example, with a value where people have to fill one in."""
    lines = (FOLDER / "compose.env.example").read_text().splitlines()
    return {name: value or "filled-in" for name, _, value in (line.partition("=") for line in lines if line[0] != "#")}


def interpolated(text: str, variables: dict[str, str]) -> str:
    """Replace ${NAME}, ${NAME:-default} and ${NAME:?error} as Compose does."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if not variables.get(name) and kind != ":-":
            raise KeyError(rest or name)
        return variables.get(name) or rest

    return _VARIABLE.sub(value, text)


@pytest.fixture
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(interpolated((FOLDER / "compose.yaml").read_text(), example()))
    return content


def check(compose: dict[str, Any]) -> None:
    checked = PyCompose.from_yaml(yaml.safe_dump(compose))
    checked.validate()
    checked.validate_networks()
    # The checker knows nothing of volumes in the short syntax.
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", [])]
    if unknown := {mount.partition(":")[0] for mount in mounts if mount[0] not in "./"} - set(compose["volumes"]):
        raise ValueError(unknown)


def test_the_file_follows_the_specification(compose: dict[str, Any]) -> None:
    check(compose)


@pytest.mark.parametrize(
    "mistake",
    [{"volumes": ["no-such-volume:/data"]}, {"networks": ["no-such-network"]}, {"restrat": "always"}],
)
def test_a_mistake_would_be_found(compose: dict[str, Any], mistake: dict[str, Any]) -> None:
    compose["services"]["web"] |= mistake
    with pytest.raises((ValueError, TypeError)):
        check(compose)


def test_a_secret_that_is_missing_is_named() -> None:
    for name in set(example()) - {"METRICS_TOKEN", "EMAIL_URL"}:
        with pytest.raises(KeyError, match=f"Set {name} in deploy/.env"):
            interpolated((FOLDER / "compose.yaml").read_text(), example() | {name: ""})


def test_services_wait_for_services_that_can_be_waited_for(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        for other, condition in service.get("depends_on", {}).items():
            waited_for = services[other]
            if condition["condition"] == "service_healthy":
                # The image of the server has a health check of its own.
                assert waited_for.get("healthcheck") or other == "web", (name, other)
            else:
                assert waited_for["restart"] == "no", (name, other)


def test_the_server_runs_without_rights_on_a_read_only_file_system(compose: dict[str, Any]) -> None:
    for name in ("prepare", "web", "jobs"):
        service = compose["services"][name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        places = {volume.rpartition(":")[2] for volume in service["volumes"]} | {
            mount.partition(":")[0] for mount in service["tmpfs"]
        }
        assert places == {"/var/lib/reportserver", "/uploads", "/tmp"}  # noqa: S108


def test_every_variable_is_a_documented_setting(compose: dict[str, Any]) -> None:
    documented = (ROOT / "docs" / "operations.md").read_text()
    container = re.findall(r"^ +(REPORTSERVER_\w+)=", (FOLDER / "Containerfile").read_text(), re.M)
    unit = re.findall(r"^(REPORTSERVER_\w+)=", (FOLDER / "systemd/environment.example").read_text(), re.M)
    assert len(container) == 3 and len(unit) > 8
    for name in {*compose["services"]["web"]["environment"], *container, *unit}:
        short = "…_" + name.removeprefix("REPORTSERVER_")
        assert f"`{name}`" in documented or f"`{short}`" in documented, name
