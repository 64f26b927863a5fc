"""Random histories on real PostgreSQL, one batch at a time, as a Hypothesis state machine."""

import asyncio
import uuid

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from collabcampus.app import fresh_id
from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.errors import Refused
from collabcampus.domain.project import Actor, fold, initial
from collabcampus.log import read
from collabcampus.log.append import Decided, Writes
from collabcampus.log.database import Database
from log.agreement import disagreements
from log.writing import write
from strategies import OWNER, asks, opening, renamed

AT = "2026-11-24T12:00:00.000Z"
batches = st.lists(asks(), min_size=1, max_size=6)


def machine_on(loop: asyncio.AbstractEventLoop, database: Database) -> type[RuleBasedStateMachine]:
    """The state machine over one database."""

    class Histories(RuleBasedStateMachine):
        @initialize(opens=st.booleans())
        def begin(self, opens: bool) -> None:
            # Ids are unique everywhere, so each history gets a world of its own by renaming them.
            self.world = uuid.uuid4()
            self.project = initial(str(uuid.uuid4()))
            opened = [renamed(command, self.world) for command in opening()] if opens else []
            self._submit([(command, OWNER) for command in [c.CreateProject("Garden"), *opened]])

        @rule(asked=batches)
        def submit(self, asked: list[tuple[c.Command, Actor]]) -> None:
            self._submit([(renamed(command, self.world), actor) for command, actor in asked])

        @invariant()
        def fold_view_and_table_agree(self) -> None:
            if hasattr(self, "project"):
                differing = loop.run_until_complete(disagreements(database, self.project))
                assert not differing, differing

        def teardown(self) -> None:
            if hasattr(self, "project"):
                history = loop.run_until_complete(self._history())
                assert fold(initial(self.project.project_id), history) == self.project

        async def _history(self) -> list[e.Recorded]:
            return [each async for each in read.history(database, self.project.project_id)]

        def _submit(self, asked: list[tuple[c.Command, Actor]]) -> None:
            base, decided = self.project.head, []
            for command, actor in asked:
                try:
                    events = decide(command, self.project, actor, AT)
                except Refused:
                    continue
                command_id = fresh_id()
                recorded = e.record(self.project.project_id, self.project.head, actor.user_id, command_id, AT, events)
                self.project = fold(self.project, recorded)
                decided.append(Decided(command_id, actor.user_id, b"", AT, self.project.head, recorded))
            if decided:
                writes = Writes(self.project.project_id, base, decided)
                outcomes = loop.run_until_complete(write(database, writes))
                assert outcomes == {self.project.project_id: "appended"}

    return Histories
