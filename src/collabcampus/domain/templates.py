"""Templates: columns and labels that many projects begin with."""

from typing import Literal

from msgspec import Struct

from collabcampus.domain.events import Column

TemplateName = Literal["kanban", "scrum", "coursework"]


class Template(Struct, frozen=True):
    """A project's columns, and its labels by name and colour."""

    columns: tuple[Column, ...]
    labels: tuple[tuple[str, str], ...]


TEMPLATES: dict[TemplateName, Template] = {
    "kanban": Template(
        (
            Column("backlog", "Backlog"),
            Column("to-do", "To do"),
            Column("in-progress", "In progress", limit=5),
            Column("review", "Review"),
            Column("done", "Done"),
        ),
        (("Bug", "#d1242f"), ("Feature", "#1f883d"), ("Chore", "#6e7781")),
    ),
    "scrum": Template(
        (
            Column("product-backlog", "Product backlog"),
            Column("sprint-backlog", "Sprint backlog"),
            Column("in-progress", "In progress"),
            Column("in-review", "In review"),
            Column("done", "Done"),
        ),
        (("Story", "#1f6feb"), ("Task", "#6e7781"), ("Bug", "#d1242f"), ("Spike", "#8250df")),
    ),
    "coursework": Template(
        (
            Column("to-read", "To read"),
            Column("to-do", "To do"),
            Column("in-progress", "In progress"),
            Column("feedback", "Waiting for feedback"),
            Column("handed-in", "Handed in"),
        ),
        (("Lecture", "#1f6feb"), ("Exercise", "#1f883d"), ("Report", "#9a6700"), ("Exam", "#d1242f")),
    ),
}
