"""Where tasks stand: the order is exact and ranks stay short, however long people drag."""

import random
from collections.abc import Callable, Iterator

import pytest

from collabcampus.domain import commands as c
from collabcampus.domain import errors, limits, ranks
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.project import Project, merge
from domain.given import OWNER, PROJECT, given, order
from domain.histories import recorded
from strategies import a_copy, some_id

MOVES = 10_000
SHORT = 40
"""Characters; limits.RANK_LENGTH bounds what is given out, with room for those right beside it."""
CARDS = [some_id("card", number) for number in range(6)]
A, B, C, D, E, F = CARDS

Model = list[str]
"""The column as a list keeps it: the tasks in order."""


def column_of(cards: list[str]) -> Project:
    """A project with these tasks in one column, in this order."""
    made = [
        e.TaskCreated(card, "Dig", "", "todo", rank)
        for card, rank in zip(cards, ranks.many(None, None, len(cards)), strict=True)
    ]
    return given([e.ProjectCreated(PROJECT, "Garden", "", (e.Column("todo", "To do"),)), OWNS, *made])


OWNS = e.MemberAdded(OWNER.user_id, "owner")


def drag(project: Project, model: Model, command: c.MoveTask | c.MoveTasks) -> list[e.Event]:
    """Move the project on in place, and the model beside it; say what was decided."""
    events = decide(command, project, OWNER)
    merge(project, recorded(project, OWNER, events))
    moved = list(command.task_ids) if isinstance(command, c.MoveTasks) else [command.task_id]
    for each in moved:
        model.remove(each)
    if isinstance(command.after, str):
        index = model.index(command.after) + 1
    else:
        assert isinstance(command.before, str)
        index = model.index(command.before)
    model[index:index] = moved
    return events


def longest(project: Project) -> int:
    return max(len(rank) for rank, _ in project.column("todo"))


def to_the_top(model: Model) -> Iterator[c.MoveTask]:
    while True:
        yield c.MoveTask(model[-1], "todo", before=model[0])


def to_the_end(model: Model) -> Iterator[c.MoveTask]:
    while True:
        yield c.MoveTask(model[0], "todo", after=model[-1])


def between_the_same_two(model: Model) -> Iterator[c.MoveTask]:
    """The two stay where they are; all others take turns in the gap, pushing each other on past the second."""
    while True:
        mover = next(each for each in model[::-1] if each not in (A, F))
        yield c.MoveTask(mover, "todo", after=A)
        last = next(each for each in model[::-1] if each not in (A, F))
        yield c.MoveTask(last, "todo", before=F)


def right_after_one(model: Model) -> Iterator[c.MoveTask]:
    while True:
        for mover in (B, C):
            yield c.MoveTask(mover, "todo", after=A)


def right_before_one(model: Model) -> Iterator[c.MoveTask]:
    while True:
        for mover in (B, C):
            yield c.MoveTask(mover, "todo", before=A)


def several_right_after_one(model: Model) -> Iterator[c.MoveTasks]:
    while True:
        for movers in ((B, C), (D, E)):
            yield c.MoveTasks(movers, "todo", after=A)


@pytest.mark.parametrize(
    "pattern",
    [to_the_top, to_the_end, between_the_same_two, right_after_one, right_before_one, several_right_after_one],
    ids=lambda pattern: pattern.__name__,
)
def test_ten_thousand_moves_of_one_pattern_leave_the_order_exact_and_ranks_short(
    pattern: Callable[[Model], Iterator[c.MoveTask | c.MoveTasks]],
) -> None:
    project, model = column_of(CARDS), list(CARDS)
    moves = pattern(model)
    changed = 0
    for _ in range(MOVES):
        changed += bool(drag(project, model, next(moves)))
        assert model == order(project)
        assert longest(project) < SHORT

    assert changed > MOVES * 0.4, "moves that move nothing prove nothing"


@pytest.mark.parametrize("seed", range(4))
def test_eight_people_dragging_at_random_in_one_column_lose_nothing_and_agree_with_a_list(seed: int) -> None:
    """Each drags from a board some moves old: two neighbours may have changed places meanwhile."""
    chance = random.Random(seed)
    cards = [some_id("card", number) for number in range(50)]
    project, model = column_of(cards), list(cards)
    seen = [list(model) for _ in range(8)]
    refused = 0
    for _ in range(3_000):
        person = chance.randrange(8)
        mover, neighbour, other = chance.sample(seen[person], 3)
        side = chance.choice(["before", "after", "both"])
        beside = {"after": neighbour, "before": other} if side == "both" else {side: neighbour}
        if chance.random() < 0.2:
            seen[person] = list(model)
        try:
            drag(project, model, c.MoveTask(mover, "todo", **beside))
        except errors.Contradiction:
            assert side == "both"
            assert model.index(neighbour) > model.index(other)
            refused += 1
        assert model == order(project)

    assert 0 < refused < 1_000
    assert sorted(model) == sorted(cards)
    assert len({rank for rank, _ in project.column("todo")}) == len(cards)
    assert longest(project) < SHORT


def test_a_rank_that_would_be_long_spreads_the_tasks_around_it_in_their_order() -> None:
    project, model = column_of(CARDS), list(CARDS)
    moves = right_after_one(model)
    while True:
        before = {task_id: rank for rank, task_id in project.column("todo")}
        events = drag(project, model, next(moves))
        if len(events) > 1:
            break

    spread, moved = events
    assert isinstance(spread, e.ColumnRebalanced)
    assert isinstance(moved, e.TaskMoved)
    after = {**before, **spread.ranks}
    assert sorted(before, key=before.__getitem__) == sorted(after, key=after.__getitem__)
    assert max(map(len, after.values())) <= limits.SPREAD_RANK_LENGTH
    assert all(before[task_id] != rank for task_id, rank in spread.ranks.items()), (
        "and says nothing that is so already"
    )


def test_a_spread_reaches_no_further_than_it_takes() -> None:
    cards = [some_id("card", number) for number in range(2_000)]
    project, model = column_of(cards), list(cards)
    first, second, anchor = cards[0], cards[1], cards[1_000]
    spreads = 0
    for number in range(1_000):
        events = drag(project, model, c.MoveTask((first, second)[number % 2], "todo", after=anchor))
        for each in events:
            if isinstance(each, e.ColumnRebalanced):
                spreads += 1
                assert len(each.ranks) < 100

    assert spreads > 1
    assert model == order(project)
    assert longest(project) < SHORT


@pytest.mark.parametrize("command", ["create", "restore", "copy", "bulk"])
def test_whoever_arrives_where_ranks_are_long_stands_where_they_should(command: str) -> None:
    project, model = column_of(CARDS), list(CARDS)
    moves = right_after_one(model)
    while longest(project) < limits.RANK_LENGTH:
        drag(project, model, next(moves))
    new = some_id("card", 99)
    asked: c.Command = {
        "create": c.CreateTask("Weed", new, after=A),
        "restore": c.EditTasks((D,), archived=False),
        "copy": c.CopyTask(A, copied=a_copy(new, "Weed", "", None, None, None, None, (), "todo", "a0")),
        "bulk": c.MoveTasks((E, D), "todo", after=A),
    }[command]
    if command == "restore":
        merge(project, recorded(project, OWNER, [e.TaskArchived(D)]))

    merge(project, recorded(project, OWNER, decide(asked, project, OWNER)))
    a = model.index(A) + 1
    rest = [each for each in model if each not in (D, E)]
    expected = {
        "create": [*model[:a], new, *model[a:]],
        "restore": [*(each for each in model if each != D), D],
        "copy": [*model, new],
        "bulk": [*rest[: rest.index(A) + 1], E, D, *rest[rest.index(A) + 1 :]],
    }[command]
    assert expected == order(project)
    assert longest(project) < SHORT


def test_right_beside_a_neighbour_means_that_nobody_is_between() -> None:
    column = [("a0", A), ("a1", B), ("a2", C)]

    assert ranks.beside(column, None, ("a0", A)) == "a0V"
    assert ranks.beside(column, ("a2", C), ("a0", A)) == "a0V", "right after it, where both are named"
    assert ranks.beside(column, ("a0", A), None) == "Zz"
    assert ranks.beside(column, None, ("a2", C)) == "a3"
    assert ranks.beside(column, None, ("a0", A), own=("a1", B)) is None
    assert ranks.beside(column, ("a1", B), None, own=("a0", A)) is None
    with pytest.raises(errors.Contradiction):
        ranks.beside(column, ("a0", A), ("a1", B))


def test_a_columns_end_comes_after_everything() -> None:
    assert ranks.last([]) == "a0"
    assert ranks.last([("a0", A), ("a4", B)]) == "a5"
