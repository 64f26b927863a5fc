"""Python's fold alone: a history of everything that boards are used for, events a second."""

import random
import time
import uuid
from typing import Any

TASKS, EVENTS = 1_000, 100_000
SHARES = (("moved", 70), ("edited", 20), ("assigned", 5), ("said", 5))
"""Per cent of the events after the tasks are there."""
AT = "2026-01-01T00:00:00.000Z"
COLUMNS = ("todo", "in-progress", "done")


def folded() -> float:
    """Events a second, the best of three: the others had the garbage collector in them."""
    from collabcampus.domain.project import fold, initial

    history = _history()
    best = 0.0
    for _ in range(3):
        began = time.perf_counter()
        state = fold(initial(history[0].project_id), history)
        best = max(best, len(history) / (time.perf_counter() - began))
        if state.head != len(history):
            raise RuntimeError(f"folded to {state.head}")
    return best


def _history() -> list[Any]:
    from collabcampus.domain import events as e

    chance, person = random.Random(1), str(uuid.uuid4())
    project_id, tasks = str(uuid.uuid4()), [str(uuid.uuid4()) for _ in range(TASKS)]
    columns = tuple(e.Column(each, each) for each in COLUMNS)
    happened: list[Any] = [e.ProjectCreated(project_id, "Garden", "", columns)]
    happened += [e.TaskCreated(task, f"Task {nth}", "", "todo", f"a{nth:04}") for nth, task in enumerate(tasks)]
    kinds, weights = zip(*SHARES, strict=True)
    for nth, kind in enumerate(chance.choices(kinds, weights, k=EVENTS)):
        task = chance.choice(tasks)
        match kind:
            case "moved":
                happened.append(e.TaskMoved(task, chance.choice(COLUMNS), f"b{chance.randrange(10**6):06}"))
            case "edited":
                happened.append(e.TaskEdited(task, title=f"Task {nth}"))
            case "assigned":
                happened.append(e.TaskAssigned(task, assignees=(person,)))
            case _:
                happened.append(e.MessageSent(str(uuid.uuid4()), "Hello"))
    return e.record(project_id, 0, person, str(uuid.uuid4()), AT, happened)
