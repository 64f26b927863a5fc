"""What it means that Python's fold, the view over the log and the kept table agree."""

from collabcampus.domain.project import Project
from collabcampus.log import read
from collabcampus.log.database import Database
from collabcampus.log.expected import rows_of


async def disagreements(database: Database, project: Project) -> list[str]:
    """What differs between the fold, the views and the tables; empty where all agree."""
    found = []
    history = [each async for each in read.history(database, project.project_id)]
    for name, expected in rows_of(project, history).items():
        select = "SELECT key, position, since, row FROM {} WHERE project_id = %s ORDER BY key"
        table = await database.fetch(select.format(name), project.project_id)
        view = await database.fetch(select.format(f"{name}_from_log"), project.project_id)
        if table != view:
            found.append(f"{name}: table {table} but view {view}")
        if {key: row for key, _, _, row in table} != expected:
            found.append(f"{name}: table {table} but fold {expected}")
    return found
