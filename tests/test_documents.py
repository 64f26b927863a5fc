"""What the documents show works as it is shown."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import COLLABCAMPUS, Server
from test_seven_steps import JS, needs_node

ROOT = Path(__file__).parents[1]
LIMITS = {
    "COLLABCAMPUS_COMMAND_RATE": "100",
    "COLLABCAMPUS_COMMAND_BURST": "1000",
    "COLLABCAMPUS_SOCKETS_PER_USER": "51",
}
"""Low enough for a test to get there."""
SHOWN_ADDRESS = "http://127.0.0.1:8000"

LIMITS = {
    "COLLABCAMPUS_COMMAND_RATE": "100",
    "COLLABCAMPUS_COMMAND_BURST": "1000",
    "COLLABCAMPUS_SOCKETS_PER_USER": "51",
}
"""Low enough for a test to get there."""
SHOWN_ADDRESS = "http://127.0.0.1:8000"


def blocks(document: str, language: str) -> list[str]:
    """The code blocks of a document in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def demo(database_url: str) -> Iterator[Server]:
    with Server("--demo", "--database-url", database_url, **LIMITS) as server:
        yield server


@needs_node
def test_the_readmes_seven_steps_run_as_they_stand(demo: Server, tmp_path: Path) -> None:
    (code,) = blocks("README.md", "js")
    assert SHOWN_ADDRESS in code
    (tmp_path / "node_modules").symlink_to(JS / "node_modules")
    script = tmp_path / "steps.mjs"
    script.write_text(code.replace(SHOWN_ADDRESS, demo.url))

    done = subprocess.run(["node", str(script)], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Connected! Demo Student"
    assert lines[1].startswith("Term project: 5 tasks, 1 member")
    assert lines[-2:] == ["done", "Done!"]


COMPARE = """
const seen = async () => (await fetch(`${SERVER}/api/projects/${projectId}/board`, { headers: bearer })).json();
const bearer = { authorization: `Bearer ${session.token}` };
while (!board) await new Promise((later) => setTimeout(later, 10));
await renew();

const { taskId } = await ask("create_task", { projectId, title: "Try it" });
const { taskId: second } = await ask("create_task", { projectId, title: "Again", before: taskId });
const { labelId } = await ask("create_label", { projectId, name: "Urgent" });
const { labelId: passing } = await ask("create_label", { projectId, name: "Passing" });
await ask("edit_task", { taskId, labels: [labelId, passing], description: "All of it" });
await ask("edit_label", { projectId, labelId, color: "#00ff00" });
await ask("delete_label", { projectId, labelId: passing });
const { itemId } = await ask("add_checklist_item", { taskId, text: "Read" });
const { itemId: other } = await ask("add_checklist_item", { taskId, text: "Write", before: itemId });
await ask("edit_checklist_item", { taskId, itemId, done: true, before: other });
await ask("remove_checklist_item", { taskId, itemId: other });
const { commentId } = await ask("add_comment", { taskId, text: "Well" });
await ask("add_comment", { taskId, text: "Good" });
await ask("delete_comment", { taskId, commentId });
await ask("add_column", { projectId, name: "Review", after: "todo" });
await ask("archive_task", { taskId: second });
await ask("send_message", { projectId, text: "Hello" });

const moving = move(taskId, "review");
console.log("at once:", shown(board.tasks.get(taskId)).status, "not yet:", board.tasks.get(taskId).status);
const moved = await moving;
console.log("then:", board.tasks.get(taskId).status, pending.size);
const forked = await fork({ position: 3 });
const weeks = await report("throughput");
console.log("forked:", forked.name, "made:", weeks.at(-1).created > 0);
await undo();
const undone = board.tasks.get(taskId).status;
await redo();
console.log("undone:", undone, "redone:", board.tasks.get(taskId).status);
console.log("refused:", await move(taskId, "nowhere").catch((error) => error.code), pending.size);

const again = { taskId, status: "review" };
const taken = await Promise.all(Array.from({ length: 1150 }, () => ask("task_moved", again)));
console.log("more than at once:", taken.every(({ ok }) => ok));
console.log("by HTTP:", (await change("PUT", `/api/tasks/${taskId}`, { status: "review" })).status);

const tooLarge = { projectId, text: "😀".repeat(20_000) };
console.log("too large:", await ask("send_message", tooLarge).catch((error) => error.code));
const parted = new Promise((heard) => socket.once("disconnect", (_, details) => heard(details.context)));
const back = new Promise((heard) => socket.once("project_joined", heard));
socket.emit("send_message", tooLarge);
const { code: closedWith, reason: closedFor } = await parted;
console.log("closed:", closedWith, closedFor);
await back;

const was = await lookBack(board.position - 2);
const then = await lookBack(was.at);
const { position: live } = board;
console.log("the past:", was.position === live - 2, then.position >= was.position, "online" in was);
const past = `${SERVER}/api/projects/${projectId}/board?position=${was.position}`;
assert.deepEqual(was.board, await (await fetch(past, { headers: bearer })).json());
console.log("no past:", await lookBack(1_000_000).catch(({ code, head }) => [code, head === live].join()));

socket.disconnect();
const others = Array.from({ length: 50 }, () => io(SERVER, { auth: { token: session.token }, forceNew: true }));
await Promise.all(others.map((other) => new Promise((heard) => other.on("welcome", heard))));
socket.connect();
const turnedAway = await new Promise((heard) => socket.once("connect_error", heard));
others.forEach((other) => other.disconnect());
await new Promise((heard) => socket.once("project_joined", heard));
console.log("one socket too many:", turnedAway.data.code, "and back");

socket.disconnect();
await fetch(`${SERVER}/api/tasks/${second}/restore`, { method: "POST", headers: bearer });
const away = await fetch(`${SERVER}/api/tasks/${taskId}`, { method: "DELETE", headers: bearer });
const { position } = await away.json();
const resumed = new Promise((heard) => socket.once("project_joined", heard));
socket.connect();
console.log("missed:", (await resumed).events.length, board.position === position);

socket.off("task_updated", take); // as if one frame were lost
const lost = new Promise((heard) => socket.once("task_updated", heard));
await ask("create_task", { projectId, title: "A gap" });
await lost;
socket.on("task_updated", take);
await ask("create_task", { projectId, title: "After it" });
const { tasks, columns, labels, position: head } = await seen();
while (board.position < head) await new Promise((later) => setTimeout(later, 10));
assert.deepEqual(columns.flatMap(({ id }) => board.column(id)), tasks);
assert.deepEqual(board.columns, columns);
assert.deepEqual([...board.labels.values()], labels);

const returned = new Promise((heard) => recovering.once("presence", heard));
recovering.io.engine.close();
console.log("there again:", (await returned).online.length, recovering.recovered);
await forgot("demo@collabcampus.example");
const wrong = await verify("#token=abc", "not the password").catch((error) => error.message);
await post("/login", { email: "demo@collabcampus.example", pwd: "campus demo 2026" });
await signOutThere((await devices())[0]);
await signOutElsewhere();
console.log("mailed:", wrong, "here alone:", (await devices()).map(({ current }) => current).join());

session.token = "nonsense";
socket.disconnect().connect();
process.once("unhandledRejection", (error) => {
  console.log("let in no more:", error.data.code);
  process.exit(0);
});
"""
"""What goes on with the client of docs/clients.md: its board is what the server shows."""


def test_every_block_of_the_clients_page_is_in_a_language_that_is_run_here() -> None:
    opened = re.findall(r"^```(.+)$", (ROOT / "docs" / "clients.md").read_text(), re.MULTILINE)

    assert set(opened) == {"js", "python", "sh"}


@needs_node
def test_the_javascript_client_keeps_the_servers_board(demo: Server, tmp_path: Path) -> None:
    code = "\n".join(blocks("docs/clients.md", "js")).replace(SHOWN_ADDRESS, demo.url)
    (tmp_path / "node_modules").symlink_to(JS / "node_modules")
    script = tmp_path / "client.mjs"
    script.write_text('import assert from "node:assert/strict";\n' + code + COMPARE)

    done = subprocess.run(["node", str(script)], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "at once: review not yet: todo",
        "then: review 0",
        "forked: Term project made: true",
        "undone: todo redone: review",
        "refused: column_not_found 0",
        "more than at once: true",
        "by HTTP: review",
        "too large: too_large",
        "closed: 1009 a packet has at most 65536 bytes",
        "the past: true true false",
        "no past: position_ahead,true",
        "one socket too many: rate_limited and back",
        "missed: 2 true",
        "there again: 1 true",
        "mailed: bad_mailed_token here alone: true",
        "let in no more: token_invalid",
    ]


def test_the_python_client_follows(demo: Server, tmp_path: Path) -> None:
    (code,) = blocks("docs/clients.md", "python")
    script = tmp_path / "client.py"
    script.write_text(code.replace(SHOWN_ADDRESS, demo.url))

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_a_shell_joins_a_project(demo: Server) -> None:
    (code,) = blocks("docs/clients.md", "sh")

    done = subprocess.run(
        ["sh", "-eu", "-c", code.replace(SHOWN_ADDRESS, demo.url)], capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr
    kinds = [line.partition("{")[0] for line in done.stdout.splitlines()]
    assert kinds == ["40", '42["welcome",', "431[", '42["project_joined",']


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_first_administrator_and_a_token_are_made_as_shown(demo: Server, database_url: str) -> None:
    (code,) = blocks("docs/administration.md", "sh")
    path = f"{COLLABCAMPUS.parent}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["sh", "-eu", "-c", code.replace(SHOWN_ADDRESS, demo.url)], capture_output=True, text=True, timeout=60,
        env={**os.environ, "DATABASE_URL": database_url, "PATH": path},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].endswith('"email":"boss@example.org","name":"Boss","verified":true}')


def test_every_command_that_is_shown_exists() -> None:
    for document in ("README.md", "docs/performance.md"):
        for block in blocks(document, "sh"):
            for line in block.splitlines():
                assert shutil.which(str(ROOT / line.split()[0])), f"{document}: {line}"


def test_every_link_leads_somewhere() -> None:
    for document in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        *(ROOT / "docs").glob("*.md"),
    ]:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
