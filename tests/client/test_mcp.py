"""`rs mcp` with a real MCP client over standard input and output."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from mcp.client import Client as Agent
from mcp.client.stdio import StdioServerParameters

from tests.client.conftest import RS, MakeKey, Rs, rs_environment
from tests.server import UNKNOWN_ID, Client, RunningServer

TOOLS = {
    "describe_report",
    "job_status",
    "list_choices",
    "list_reports",
    "read_rows",
    "run_report",
    "validate_parameters",
}


def talk(url: str, key: str, conversation: Callable[[Agent], Awaitable[None]], *options: str) -> None:
    """Have a conversation with `rs mcp` in a process of its own."""
    parameters = StdioServerParameters(command=RS[0], args=[*RS[1:], "mcp", *options], env=rs_environment(url, key))

    async def connect() -> None:
        with anyio.fail_after(300):
            async with Agent(parameters) as agent:
                await conversation(agent)

    anyio.run(connect)


async def call(agent: Agent, tool: str, **arguments: Any) -> Any:
    answer = await agent.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    return answer.structured_content


async def run(agent: Agent, report: str, **parameters: Any) -> Any:
    """Run a report, however busy this machine is. Returns the job once it has ended."""
    job = await call(agent, "run_report", report=report, parameters=parameters)
    while job["status"] in ("Queued", "Running"):
        job = await call(agent, "job_status", job=job["job"], wait_seconds=60)
    return job


async def refusal(agent: Agent, tool: str, **arguments: Any) -> str:
    answer = await agent.call_tool(tool, arguments)
    assert answer.is_error
    return str(answer.content[0].text)  # type: ignore[union-attr]


def test_an_agent_finds_describes_validates_and_runs_a_report(server: RunningServer, key: str) -> None:
    async def conversation(agent: Agent) -> None:
        tools = {tool.name: tool for tool in (await agent.list_tools()).tools}
        assert set(tools) == TOOLS
        assert [name for name in tools if not tools[name].annotations.read_only_hint] == ["run_report"]  # type: ignore[union-attr]
        found = await call(agent, "list_reports", search="SALES region")
        assert [report["report"] for report in found["reports"]] == ["sales-by-region"]
        described = await call(agent, "describe_report", report="sales-by-region")
        assert described["canRun"] and "since" in described["parameters"]["properties"]
        wrong = await call(agent, "validate_parameters", report="sales-by-region", parameters={"since": "soon", "x": 1})
        assert not wrong["valid"] and set(wrong["errors"]) == {"since", "x"}
        right = await call(agent, "validate_parameters", report="sales-by-region", parameters={"since": "now/y"})
        assert right["valid"] and right["parameters"]["since"].endswith("-01-01")
        done = await run(agent, "sales-by-region")
        assert (done["status"], done["rows"], done["firstRows"]["total"]) == ("Succeeded", 3, 3)
        assert done["firstRows"]["rows"][0] == ["north", 100, 14850]
        page = await call(agent, "read_rows", job=done["job"], sort="-region", limit=1)
        assert (page["rows"], page["nextOffset"]) == ([["west", 100, 15050]], 1)
        failed = await run(agent, "broken")
        assert failed["error"]["code"] == "query_failed"
        slow = await call(agent, "run_report", report="slow", parameters={"steps": 20_000_000}, wait_seconds=0)
        assert slow["status"] in ("Queued", "Running")
        assert (await call(agent, "job_status", job=slow["job"]))["job"] == slow["job"]
        assert "since" in await refusal(agent, "run_report", report="sales-by-region", parameters={"since": "soon"})
        assert "No such report" in await refusal(agent, "describe_report", report="no-such-report")
        assert "not found" in await refusal(agent, "read_rows", job=UNKNOWN_ID)

    talk(server.url, key, conversation)


def test_rows_in_an_answer_are_limited(server: RunningServer, key: str) -> None:
    async def conversation(agent: Agent) -> None:
        done = await run(agent, "many-rows", rows=500)
        assert len(done["firstRows"]["rows"]) == 7
        page = await call(agent, "read_rows", job=done["job"], offset=100, limit=1000)
        assert (len(page["rows"]), page["nextOffset"], page["total"]) == (7, 107, 500)

    talk(server.url, key, conversation, "--max-rows", "7")


def test_long_rows_are_cut(server: RunningServer, key: str, alice: Client) -> None:
    query = "select repeat('x', 3000) as long, i from range(200) t(i) order by i"
    fields = {"slug": "long", "name": "Long", "data_source": "flights", "query": query, "formats": ["csv"]}
    assert alice.post("/reports", json={**fields, "grants": {"generate": ["analysts"]}}).status_code == 201

    async def conversation(agent: Agent) -> None:
        done = await run(agent, "long")
        page = await call(agent, "read_rows", job=done["job"], limit=200)
        assert 40 <= len(page["rows"]) <= 50 and page["nextOffset"] == len(page["rows"])
        assert all(len(row[0]) == 2001 for row in page["rows"])

    try:
        talk(server.url, key, conversation)
    finally:
        alice.request("DELETE", "/reports/long")


def test_an_agent_has_the_rights_of_its_key_and_delivers_nothing(
    server: RunningServer, make_key: MakeKey, alice: Client
) -> None:
    fields = {"slug": "sent", "name": "Sent", "data_source": "sales", "query": "select 1 as one", "formats": ["csv"]}
    targets = [{"kind": "api_response", "mode": "asynchronous"}, {"kind": "email", "to": ["ops@example.com"]}]
    delivery = {"delivery": targets, "deliver": "always", "grants": {"generate": ["analysts"]}}
    assert alice.post("/reports", json={**fields, **delivery}).status_code == 201

    async def conversation(agent: Agent) -> None:
        listed = await call(agent, "list_reports")
        assert sorted(report["report"] for report in listed["reports"]) == ["days", "sent"]
        assert "rights or its reports" in await refusal(agent, "run_report", report="sales-by-region", parameters={})
        assert "can't run it" in await refusal(agent, "run_report", report="sent", parameters={})
        assert not (await call(agent, "describe_report", report="sent"))["canRun"]

    try:
        before = len(alice.get("/jobs", params={"report": "sent"}).json()["results"])
        talk(server.url, make_key(reports=["days", "sent"]), conversation)
        assert len(alice.get("/jobs", params={"report": "sent"}).json()["results"]) == before == 0
    finally:
        alice.request("DELETE", "/reports/sent")


def test_a_run_that_nobody_waits_for_any_more_is_cancelled(server: RunningServer, key: str, bob: Client) -> None:
    jobs: list[str] = []

    async def conversation(agent: Agent) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: call(agent, "run_report", report="slow", parameters={"steps": 1_999_999_999}))
            while not jobs:
                await anyio.sleep(0.2)
                found = bob.get("/jobs", params={"report": "slow", "status": "Running"}).json()["results"]
                jobs.extend(job["jobId"] for job in found if job["parameters"] == {"steps": 1_999_999_999})
            tasks.cancel_scope.cancel()
        assert (await call(agent, "list_reports", search="slow"))["reports"]

    talk(server.url, key, conversation)
    assert bob.wait(jobs[0])["errorDetails"]["code"] == "cancelled"


@pytest.mark.parametrize("kind", ["administer", "token", "wrong", "too many rows"])
def test_keys_that_may_do_more_are_refused(rs: Rs, kind: str, make_key: MakeKey, key: str, alice: Client) -> None:
    given, sentence, code = {
        "administer": (make_key("alice", rights=["administer"]), "no key with the right administer", 2),
        "token": (alice.http.headers["Authorization"].removeprefix("Bearer "), "needs an API key", 2),
        "wrong": ("rsk_wrong", "wrong, expired or revoked", 3),
        "too many rows": (key, "--max-rows", 2),
    }[kind]
    refused = rs("mcp", *(["--max-rows", "100000"] if kind == "too many rows" else []), RS_KEY=given)
    assert refused.returncode == code and sentence in refused.stderr and refused.stdout == ""
