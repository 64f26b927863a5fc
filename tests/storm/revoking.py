"""What is taken away otherwise: a role, a project, a session; on both nodes, while its owner uses it."""

import asyncio
import time
from typing import Any

from storm.campus import Campus, Person, Progress, Report
from storm.clients import Client

USED_FOR_S = 0.02
TOO_LOW, ARCHIVED = "role_too_low", "project_is_archived"
CLOSED_WITHIN_S = 1.0


async def demotions(campus: Campus, rounds: int, progress: Progress) -> Report:
    """Editors become viewers at n, while they write on both nodes: what is decided after n is refused."""
    report = Report({"demotions": rounds, "commands in time": 0, "commands too late": 0})
    person, project = campus.people[1], campus.projects[0]
    path = f"/api/projects/{project.project_id}/members/{person.user_id}"
    sockets = [await campus.socket(node, person) for node in (0, 1)]
    for each in sockets:
        await each.join(project.project_id)
        await each.entered(project.project_id)
    for nth in range(rounds):
        writing = asyncio.gather(*(_edits(campus, each, report) for each in sockets))
        await asyncio.sleep(campus.rng.uniform(0, USED_FOR_S))
        position = await campus.position(nth % 2, campus.owner, "PATCH", path, role="viewer")
        for answer in await asyncio.gather(*(each.ask(*_edit(campus)) for each in sockets)):
            if answer["ok"] or answer["error"]["code"] != TOO_LOW:
                report.findings.append(f"a viewer's command after {position} was answered {answer}")
        await writing
        await campus.position(nth % 2, campus.owner, "PATCH", path, role="editor")
        progress()
    report.findings += await campus.check(project.project_id)
    return report


async def _edits(campus: Campus, socket: Client, report: Report) -> None:
    """Write until it is refused."""
    while True:
        for answer in await asyncio.gather(*(socket.ask(*_edit(campus)) for _ in range(5))):
            report.figures["commands in time" if answer["ok"] else "commands too late"] += 1
            if not answer["ok"] and answer["error"]["code"] != TOO_LOW:
                report.findings.append(f"a command was answered {answer}")
        if not answer["ok"]:
            return


def _edit(campus: Campus, nth: int = 0) -> tuple[str, dict[str, Any]]:
    project = campus.projects[nth]
    named = {"projectId": project.project_id, "taskId": campus.rng.choice(project.task_ids)}
    return "edit_task", {**named, "title": f"mine {campus.rng.random()}"}


async def archivings(campus: Campus, rounds: int, progress: Progress) -> Report:
    """Each of `rounds` projects is archived at n while people write in it: all are sent out and hear nothing more."""
    report = Report({"archivings": rounds})
    people = campus.people[1:3]
    sockets = [await campus.socket(node, each) for node in (0, 1) for each in people]
    for nth in range(rounds):
        await _archiving(campus, nth, sockets, report)
        progress()
    for nth in range(rounds):
        report.findings += await campus.check(campus.projects[nth].project_id)
    return report


async def _archiving(campus: Campus, nth: int, sockets: list[Client], report: Report) -> None:
    project_id = campus.projects[nth].project_id
    for each in sockets:
        await each.join(project_id)
        await each.entered(project_id)
    commands = [each.ask(*_edit(campus, nth)) for each in sockets for _ in range(10)]
    await asyncio.sleep(campus.rng.uniform(0, USED_FOR_S / 4))
    position = await campus.position(nth % 2, campus.owner, "DELETE", f"/api/projects/{project_id}")
    late = [each.ask(*_edit(campus, nth)) for each in sockets]
    for answer in await asyncio.gather(*commands):
        if not answer["ok"] and answer["error"]["code"] != ARCHIVED:
            report.findings.append(f"a command was answered {answer}")
    for answer in await asyncio.gather(*late):
        if answer["ok"] or answer["error"]["code"] != ARCHIVED:
            report.findings.append(f"a command after the archiving at {position} was answered {answer}")
    for each in sockets:
        await each.out(project_id)
    await campus.position(nth % 2, campus.owner, "POST", f"/api/projects/{project_id}/restore")
    await campus.position(nth % 2, campus.owner, "PATCH", f"/api/projects/{project_id}", name="Nobody hears this")


async def logouts(campus: Campus, rounds: int, progress: Progress) -> Report:
    """People log out on one node: their sockets on both close within a second, and its token opens nothing."""
    report, times = Report({"logouts": rounds}), []
    project_id = campus.projects[0].project_id
    for nth, person in enumerate(campus.people[-rounds:]):
        sockets = [await campus.socket(node, person, polling=node == 1 and nth % 10 == 0) for node in (0, 1)]
        for each in sockets:
            await each.join(project_id)
            await each.entered(project_id)
        began = time.monotonic()
        answer = await campus.call(nth % 2, person, "POST", "/logout")
        if not answer.is_success:
            report.findings.append(f"a log-out was answered {answer.status_code}")
        times += [await _closed_after(each, began, report) for each in sockets]
        await _has_ended(campus, person, report)
        progress()
    report.figures |= percentiles(times)
    report.findings += await campus.check(project_id)
    return report


async def _closed_after(socket: Client, began: float, report: Report) -> float:
    try:
        async with asyncio.timeout(CLOSED_WITHIN_S):
            await socket.closed.wait()
    except TimeoutError:
        report.findings.append(f"a socket was open {CLOSED_WITHIN_S} s after its session had ended")
    return (socket.closed_at or time.monotonic()) - began


async def _has_ended(campus: Campus, person: Person, report: Report) -> None:
    for node in (0, 1):
        answer = await campus.call(node, person, "GET", "/me")
        if (answer.status_code, answer.json().get("code")) != (401, "session_ended"):
            report.findings.append(f"an ended session was answered {answer.status_code} on node {node}")
        try:
            await campus.socket(node, person)
            report.findings.append(f"an ended session was let in on node {node}")
        except ConnectionError as refused:
            if str(refused) != "session_ended":
                report.findings.append(f"an ended session was refused as {refused}")


def percentiles(times: list[float]) -> dict[str, str]:
    """What of a hundred were as quick or quicker, in milliseconds, from asking to closing."""
    times = sorted(times)
    at = {f"p{share}": times[min(len(times) - 1, len(times) * share // 100)] for share in (50, 99)} | {
        "most": times[-1]
    }
    return {f"closed after, {name}": f"{seconds * 1_000:.1f} ms" for name, seconds in at.items()}
