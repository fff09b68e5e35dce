"""Alert rules and the dashboard ask for metrics that the server really has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import promql_parser
import pytest
import yaml

from tests.server import ROOT, RunningServer

RULES = ROOT / "deploy/prometheus/reportserver.rules.yaml"
DASHBOARD = ROOT / "deploy/grafana/reportserver.json"
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions() -> list[str]:
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels() for target in panel["targets"]]


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    """The metrics that an expression selects, with the labels that it wants. Raises ValueError for bad syntax."""
    found: list[promql_parser.VectorSelector] = []

    def visit(part: Any) -> bool:
        if isinstance(part, promql_parser.VectorSelector):
            found.append(part)
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


@pytest.fixture(scope="module")
def metrics(server: RunningServer) -> dict[str, set[tuple[str, str]]]:
    """The labels of every metric of a running server."""
    found: dict[str, set[tuple[str, str]]] = {"up": {("job", "reportserver")}}  # Prometheus itself adds this one
    for line in server.probe("/metrics").text.splitlines():
        if not line.startswith("#"):
            name = re.split(r"[{ ]", line, maxsplit=1)[0]
            found.setdefault(name, set()).update(_LABEL.findall(line))
    return found


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_asks_for_metrics_that_are_there(
    expression: str, metrics: dict[str, set[tuple[str, str]]]
) -> None:
    wanted = selectors(expression)
    assert wanted
    for selector in wanted:
        assert selector.name in metrics
        assert {(matcher.name, matcher.value) for matcher in selector.matchers.matchers} <= metrics[selector.name]


def test_every_metric_of_the_server_is_on_the_dashboard(metrics: dict[str, set[tuple[str, str]]]) -> None:
    targets = [target["expr"] for panel in panels() for target in panel["targets"]]
    shown = {selector.name for expression in targets for selector in selectors(expression)}
    assert {name for name in metrics if name.startswith("reportserver_")} <= shown


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical") and rule["for"]
        assert rule["annotations"]["summary"].endswith(".") and len(rule["annotations"]["description"]) > 40


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for at in (panel["gridPos"] for panel in panels()):
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())


@pytest.mark.chaos  # Debian's package of Prometheus is a download of 19 MB
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_accepts_the_rules() -> None:
    checked = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(rules())} rules found" in checked.stdout
