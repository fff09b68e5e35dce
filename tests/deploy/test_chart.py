"""The Helm chart, rendered by Helm's own library and checked against the schemas of Kubernetes."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from tests.server import ROOT

HERE = Path(__file__).parent
CHART = ROOT / "deploy/helm/reportserver"
NEEDED = {"deploymentId": "tests", "artifactsUrl": "s3://results/reports", "existingSecret": "reportserver"}
ALL = NEEDED | {
    "uploadsClaim": "uploads",
    "imagePullSecrets": [{"name": "registry"}],
    "env": {"REPORTSERVER_LOG_LEVEL": "DEBUG", "REPORTSERVER_RATE_API": "100"},
    "serviceAccount": {"name": "reports", "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/reports"}},
    "ingress": {"enabled": True, "tlsSecret": "tls"},
    "jobs": {"keda": {"enabled": True}},
}
WRITABLE = {"/var/lib/reportserver", "/tmp", "/uploads"}  # noqa: S108
#: Runs in an environment of its own: prints what Helm renders, or its error.
PROGRAM = """
import json, sys, helm_python, kubernetes_validate, yaml
values = json.load(sys.stdin)
try:
    rendered = helm_python.Chart.load(sys.argv[1]).render(values, name="reports", namespace="reporting")
except helm_python.HelmError as error:
    sys.exit(str(error))
objects = [each for text in rendered.values() for each in yaml.safe_load_all(text) if each]
for each in objects:
    if each["apiVersion"] != "keda.sh/v1alpha1":
        kubernetes_validate.validate(each, sys.argv[2], strict=True)
print(json.dumps({"objects": objects, "lint": helm_python.lint(sys.argv[1], values, strict=True)}))
"""

# The packages take 350 MB and half a minute.
pytestmark = pytest.mark.chaos


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has Helm's library and the schemas of Kubernetes."""
    folder = tmp_path_factory.mktemp("helm")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--require-hashes"]
    subprocess.run([*pip, "--requirement", str(HERE / "chart-requirements.txt")], check=True, timeout=280)
    return python


def render(python: Path, values: dict[str, Any], version: str = "1.31") -> subprocess.CompletedProcess[str]:
    command = [str(python), "-c", PROGRAM, str(CHART), version]
    return subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=False)


def objects(python: Path, values: dict[str, Any], version: str = "1.31") -> dict[tuple[str, str], dict[str, Any]]:
    rendered = render(python, values, version)
    assert rendered.returncode == 0, rendered.stderr
    output = json.loads(rendered.stdout)
    assert output["lint"]["errors"] == []
    return {(each["kind"], each["metadata"]["name"]): each for each in output["objects"]}


@pytest.mark.parametrize("version", ["1.27", "1.31", "1.35"])
@pytest.mark.parametrize("values", [NEEDED, ALL], ids=["fewest values", "all values"])
def test_kubernetes_would_accept_the_objects(python: Path, values: dict[str, Any], version: str) -> None:
    names = set(objects(python, values, version))
    assert {("Deployment", "reports-web"), ("Deployment", "reports-jobs"), ("Service", "reports")} <= names
    assert (("ScaledObject", "reports-jobs") in names) == (("Ingress", "reports") in names) == (values is ALL)


def test_pods_have_no_rights_and_wait_for_the_database(python: Path) -> None:
    rendered = objects(python, ALL)
    for name in ("reports-web", "reports-jobs"):
        pod = rendered["Deployment", name]["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and pod["serviceAccountName"] == "reports"
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] and security["capabilities"] == {"drop": ["ALL"]}
            assert {mount["mountPath"] for mount in container["volumeMounts"]} == WRITABLE
    web = rendered["Deployment", "reports-web"]["spec"]["template"]["spec"]
    assert [container["args"] for container in web["initContainers"]] == [["prepare"]]


def test_the_number_of_workers_is_left_to_keda(python: Path) -> None:
    assert "replicas" not in objects(python, ALL)["Deployment", "reports-jobs"]["spec"]
    assert objects(python, NEEDED)["Deployment", "reports-jobs"]["spec"]["replicas"] == 2


def test_a_value_that_is_missing_or_wrong_is_named(python: Path) -> None:
    refused = render(python, {"artifactsUrl": "/results"})
    assert refused.returncode == 1
    for name in ("artifactsUrl", "deploymentId", "existingSecret"):
        assert f"/{name}" in refused.stderr
