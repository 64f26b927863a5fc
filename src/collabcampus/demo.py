"""Data for trying and for load: people, projects and tasks, made through the domain like everything else."""

from msgspec import Struct

from collabcampus.app import Application, fresh_id, now
from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.errors import Unavailable
from collabcampus.domain.project import Actor, Project, initial, merge
from collabcampus.identity.errors import EmailTaken
from collabcampus.log.append import Decided, Writes, append
from collabcampus.settings import BadSetting

PASSWORD = "campus demo 2026"  # noqa: S105 - for demos, and printed # nosec B105
EMAIL = "demo@collabcampus.example"
NAME = "Demo Student"
TOKEN_LIFE_S = 3_600
COMMANDS_A_BATCH = 500

_TASKS = (
    ("Choose a subject for the term project", "done"),
    ("Sketch the data model", "in-progress"),
    ("Write the first test", "in-progress"),
    ("Set up the weekly meeting", "todo"),
    ("Read chapter three", "todo"),
)


class DemoUser(Struct, frozen=True, rename="camel"):
    """One of the people; the token is good for an hour."""

    user_id: str
    email: str
    token: str


class DemoProject(Struct, frozen=True, rename="camel"):
    """One of the projects, with its tasks."""

    project_id: str
    task_ids: list[str]


class Demo(Struct, frozen=True, rename="camel"):
    """What was made."""

    users: list[DemoUser]
    projects: list[DemoProject]


def story(address: str, project_id: str) -> str:
    """What to print to somebody who has just started the server at `address`."""
    login = f'{{"email": "{EMAIL}", "pwd": "{PASSWORD}"}}'
    return f"""
CollabCampus runs at {address}

  demo login   {EMAIL}
  password     {PASSWORD}
  project      {project_id}

Try next, in another terminal:

  curl -s {address}/login -H 'content-type: application/json' -d '{login}'

Every call is described at {address}/schema; the seven steps with socket.io-client are in README.md.
"""


async def ensure(application: Application) -> str:
    """The demo login with its project, made if absent; the project's id."""
    identity, projects = application.identity, application.projects
    try:
        user = (await identity.register(EMAIL, NAME, PASSWORD, "demo", verified=True)).user
    except EmailTaken:
        user = (await identity.login(EMAIL, PASSWORD, "demo")).user
        await identity.accounts.verify(user.id)  # one of before there was that
    actor = Actor(user.id)
    created = await projects.submit(c.CreateProject("Term project"), actor, command_id=user.id)
    assert isinstance(created.subject, Project), "that is what a creation is answered"
    project_id = created.subject.project_id
    if created.position == (await projects.read(project_id)).head:
        for title, status in _TASKS:
            await projects.submit(c.CreateTask(title, status=status), actor, project_id)
    return project_id


async def require_gone(application: Application) -> None:
    """BadSetting while a demo's account can be signed in to with the password that everybody knows.

    The demo's own are verified, and nobody else's can be: nobody reads the mail of those addresses.
    """
    rows = await application.database.fetch(
        "SELECT password_hash, min(email), count(*) FROM accounts WHERE email LIKE %s AND disabled_at IS NULL "
        "AND verified_at IS NOT NULL GROUP BY 1",
        f"demo%@{EMAIL.partition('@')[2]}",
    )
    for hashed, email, count in rows:
        if await application.identity.has_hash(PASSWORD, hashed):
            others = f" and {count - 1} more of the demo have" if count > 1 else " has"
            raise BadSetting(
                f"{email}{others} the password that everybody knows: disable them (`collabcampus user disable`), or "
                "start production with a database that never had a demo"
            )


async def fill(application: Application, users: int, projects: int, tasks: int) -> Demo:
    """`users` people, all editors of each of `projects` projects (the first its owner) of `tasks` tasks."""
    people = await _people(application, users)
    made = [await _project(application, people, number, tasks) for number in range(1, projects + 1)]
    return Demo(people, made)


async def _people(application: Application, count: int) -> list[DemoUser]:
    """One password hash serves them all: a load test needs no thousand of them."""
    run = fresh_id()[-12:]
    emails = [(f"demo-{run}-{number}@collabcampus.example", f"Demo {number}") for number in range(1, count + 1)]
    return [
        DemoUser(user.id, user.email, token)
        for user, token in await application.identity.register_many(emails, PASSWORD, TOKEN_LIFE_S)
    ]


async def _project(application: Application, people: list[DemoUser], number: int, tasks: int) -> DemoProject:
    owner = Actor(people[0].user_id)
    task_ids = [fresh_id() for _ in range(tasks)]
    commands: list[c.Command] = [c.CreateProject(f"Demo project {number}")]
    commands += [c.AddMember("editor", each.user_id) for each in people[1:]]
    commands += [c.CreateTask(f"Task {n}", task_id) for n, task_id in enumerate(task_ids, 1)]
    state = initial(fresh_id())
    for start in range(0, len(commands), COMMANDS_A_BATCH):
        state = await _append(application, state, commands[start : start + COMMANDS_A_BATCH], owner)
    return DemoProject(state.project_id, task_ids)


async def _append(application: Application, state: Project, commands: list[c.Command], actor: Actor) -> Project:
    base, decided, at = state.head, [], now()
    for command in commands:
        command_id = fresh_id()
        events = decide(command, state, actor)
        recorded = e.record(state.project_id, state.head, actor.user_id, command_id, at, events)
        merge(state, recorded)
        decided.append(Decided(command_id, actor.user_id, b"demo", at, state.head, recorded))
    async with application.database.connection() as connection:
        outcomes = await append(connection, [Writes(state.project_id, base, decided)])
    if outcomes[state.project_id] != "appended":
        raise Unavailable
    return state
