"""Removal at n under load: nothing above n reaches any socket of the person's, on either node, however it came in."""

import asyncio
from typing import Any

import httpx

from storm.campus import Campus, Person, Progress, Report
from storm.clients import Client
from storm.writing import storm

LANES = 3
"""People who are removed again and again, beside one another."""
AROUND_S = 0.012
"""Joins and commands begin so long before the removal at most, and as long after it was asked for."""
UNKNOWN = "00000000-0000-4000-8000-000000000000"
NO_PLACE = "project_not_found"
NO_PLACES = {NO_PLACE, "task_not_found"}
"""What a command is answered that names the project, or a task alone."""


class Removed:
    """One person's sockets, on both nodes."""

    def __init__(self, campus: Campus, person: Person, report: Report) -> None:
        self._campus, self._person, self._report = campus, person, report
        self._project = campus.projects[0]
        self._residents: list[Client] = []
        self._comers: list[Client] = []

    async def connect(self) -> None:
        """Two that are in the room, and four that will be on their way in; one by polling."""
        for node in (0, 1):
            self._residents.append(await self._campus.socket(node, self._person))
            self._comers += [await self._campus.socket(node, self._person) for _ in range(2)]
        self._residents.append(await self._campus.socket(1, self._person, polling=True))

    async def round(self, node: int) -> None:
        """Be removed by way of a node, amid joins and commands on both."""
        campus, project_id = self._campus, self._project.project_id
        for each in self._residents:
            after = each.last(project_id) or None
            answer = await each.join(project_id, after if campus.rng.random() < 0.5 else None)
            self._hold(answer["ok"], f"a member was refused: {answer}")
            await each.entered(project_id)
        path = f"/api/projects/{project_id}/members/{self._person.user_id}"
        around = [self._come(each) for each in self._comers] + [self._write(each) for each in self._residents]
        going = asyncio.gather(*around)
        await asyncio.sleep(AROUND_S)
        position = await campus.position(node, campus.owner, "DELETE", path)
        await self._stays_out(position)
        await going
        await self._hears_so(position)
        await campus.position(
            1 - node, campus.owner, "POST", path.rpartition("/")[0], userId=self._person.user_id, role="editor"
        )

    async def _come(self, socket: Client) -> None:
        """A join at about the moment of the removal: it is refused, or it is let in below and sent out there."""
        project_id = self._project.project_id
        await asyncio.sleep(self._campus.rng.uniform(0, 2 * AROUND_S))
        last = socket.last(project_id)
        answer = await socket.join(project_id, self._campus.rng.choice([None, last or None]))
        self._count("let in" if answer["ok"] else "refused in flight")
        self._hold(answer["ok"] or answer["error"]["code"] == NO_PLACE, f"a join was answered {answer}")

    async def _write(self, socket: Client) -> None:
        await asyncio.sleep(self._campus.rng.uniform(0, AROUND_S))
        for answer in await asyncio.gather(*(socket.ask(*self._command()) for _ in range(10))):
            self._hold(answer["ok"] or answer["error"]["code"] in NO_PLACES, f"a command was answered {answer}")
            self._count("commands in time" if answer["ok"] else "commands too late")

    def _command(self) -> tuple[str, dict[str, Any]]:
        task_id, number = self._campus.rng.choice(self._project.task_ids), self._campus.rng.random()
        named = {"projectId": self._project.project_id} if number < 0.5 else {}
        return "edit_task", {**named, "taskId": task_id, "title": f"mine {number}"}

    async def _stays_out(self, position: int) -> None:
        """From the answer on, on both nodes: no way in, no command, no reading."""
        project_id = self._project.project_id
        joins = [each.join(project_id, after) for each in self._residents[:2] for after in (position - 1, None)]
        commands = [each.ask(*self._command()) for each in self._residents]
        for answer in await asyncio.gather(*joins):
            self._hold(not answer["ok"], f"let in after the removal at {position}: {answer}")
        for answer in await asyncio.gather(*commands):
            refused = not answer["ok"] and answer["error"]["code"] in NO_PLACES
            self._hold(refused, f"a command after the removal was answered {answer}")
        for node in (0, 1):
            answers = [await self._read(node, project_id, what) for what in ("", "/board", "/events")]
            for answer, unknown in zip(answers, [await self._read(node, UNKNOWN, "")] * 3, strict=True):
                self._hold(answer == unknown, f"HTTP tells a removed member {answer}, and others {unknown}")

    async def _read(self, node: int, project_id: str, what: str) -> tuple[int, Any]:
        answer: httpx.Response = await self._campus.call(
            node, self._person, "GET", f"/api/projects/{project_id}{what}"
        )
        return answer.status_code, {k: v for k, v in answer.json().items() if k != "instance"}

    async def _hears_so(self, position: int) -> None:
        for each in (*self._residents, *self._comers):
            try:
                await each.out(self._project.project_id)
            except TimeoutError:
                self._hold(False, f"a socket was not told of the removal at {position}")

    def _hold(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self._report.findings.append(otherwise)

    def _count(self, what: str) -> None:
        self._report.figures[what] = self._report.figures.get(what, 0) + 1


async def removals(campus: Campus, rounds: int, rate: float, progress: Progress) -> Report:
    """`rounds` removals from the first project under a storm, on one node and the other in turn."""
    report = Report({"removals": rounds})
    removed = [Removed(campus, person, report) for person in campus.people[2 : 2 + LANES]]
    for each in removed:
        await each.connect()
    left = iter(range(rounds))

    async def lane(one: Removed) -> None:
        for nth in left:
            await one.round(nth % 2)
            progress()

    async with storm(campus, campus.projects[0], sockets=2, rate=rate) as writing:
        await asyncio.gather(*map(lane, removed))
    report.figures["events a second"] = round(writing.reached)
    report.figures["frames checked"] = campus.papers.frames
    report.findings += await campus.check(campus.projects[0].project_id)
    return report
