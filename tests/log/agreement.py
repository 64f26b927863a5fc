"""What it means that Python's fold, the view over the log and the kept table agree."""

from typing import Any

import msgspec

from collabcampus.domain.project import Project
from collabcampus.log.database import Database

PROJECTIONS = ("board", "chat", "membership", "project")


def rows_of(project: Project) -> dict[str, dict[str, Any]]:
    """What each projection should hold of a project, by key, made from the fold."""
    own = {
        "projectId": project.project_id,
        "name": project.name,
        "description": project.description,
        "columns": project.columns,
        "createdAt": project.created_at,
    }
    views = {
        "board": project.tasks,
        "chat": project.messages,
        "membership": project.members,
        "project": {project.project_id: own} if project.head else {},
    }
    as_json: dict[str, dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(views))
    return as_json


async def disagreements(database: Database, project: Project) -> list[str]:
    """What differs between the fold, the views and the tables; empty where all agree."""
    found = []
    for name, expected in rows_of(project).items():
        select = "SELECT key, position, since, row FROM {} WHERE project_id = %s ORDER BY key"
        table = await database.fetch(select.format(name), project.project_id)
        view = await database.fetch(select.format(f"{name}_from_log"), project.project_id)
        if table != view:
            found.append(f"{name}: table {table} but view {view}")
        if {key: row for key, _, _, row in table} != expected:
            found.append(f"{name}: table {table} but fold {expected}")
    return found
