"""Joins and resumes under a storm: snapshot and frames, or what was missed and frames, are the log. Every time."""

import asyncio
from typing import Any

from storm.campus import Campus, Person, Progress, Report
from storm.clients import Client
from storm.writing import storm

JOINERS_A_NODE = 4
STAYERS_A_NODE = 1
FAR_BACK = 4_000
NEAR = 300
STAYS_S = (0.0, 0.25)


class _Tally:
    def __init__(self, rounds: int) -> None:
        self.left = rounds
        self.joins = self.resumes = self.polled = 0
        self.findings: list[str] = []


async def joins(campus: Campus, rounds: int, rate: float, progress: Progress) -> Report:
    """`rounds` joins and resumes of the first project on both nodes while `rate` events a second are written."""
    project, tally = campus.projects[0], _Tally(rounds)
    people = campus.people[1:]
    for node in (0, 1):
        for person in people[:STAYERS_A_NODE]:
            await _expect(tally, await campus.socket(node, person), project.project_id, None)
    async with storm(campus, project, sockets=4, rate=rate) as writing:
        joiners = [
            _joining(campus, node, people[nth % len(people)], tally, progress, polling=nth == 0)
            for node in (0, 1)
            for nth in range(JOINERS_A_NODE)
        ]
        await asyncio.gather(*joiners)
    findings = tally.findings + await campus.check(project.project_id)
    figures = {
        "joins": tally.joins, "resumes": tally.resumes, "of them by polling": tally.polled,
        "events written": writing.committed, "events a second": round(writing.reached),
        "frames checked": campus.papers.frames, "commands refused": writing.refused,
    }  # fmt: skip
    return Report(figures, findings)


async def _joining(
    campus: Campus, node: int, person: Person, tally: _Tally, progress: Progress, *, polling: bool
) -> None:
    project_id = campus.projects[0].project_id
    client = await campus.socket(node, person, polling=polling)
    while tally.left > 0:
        tally.left -= 1
        after = _after(campus, client, project_id)
        await _expect(tally, client, project_id, after)
        tally.joins += after is None
        tally.resumes += after is not None
        tally.polled += polling
        await asyncio.sleep(campus.rng.uniform(*STAYS_S))
        left = await client.ask("leave_project", {"projectId": project_id})
        try:
            await client.out(project_id)
        except TimeoutError as why:
            tally.findings.append(f"a client that left ({left}) was not told so: {why}")
            return
        progress()


def _after(campus: Campus, client: Client, project_id: str) -> int | None:
    """Afresh, or from where it was, or from a little or far before what it knows."""
    known = client.last(project_id)
    match campus.rng.randrange(6) if known else 0:
        case 0 | 1:
            return None
        case 2 | 3:
            return known
        case 4:
            return max(0, known - campus.rng.randrange(NEAR))
        case _:
            return max(0, known - campus.rng.randrange(FAR_BACK))


async def _expect(tally: _Tally, client: Client, project_id: str, after: int | None) -> None:
    answer: dict[str, Any] = await client.join(project_id, after)
    if not answer["ok"]:
        tally.findings.append(f"a join after {after} was refused: {answer['error']}")
        return
    try:
        await client.entered(project_id)  # a poll may bring the acknowledgement alone
    except TimeoutError:
        tally.findings.append(f"a join was acknowledged at {answer['position']} without a project_joined")
