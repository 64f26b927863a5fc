// The seven steps: node seven_steps.mjs SERVER TRANSPORT
import assert from "node:assert/strict";
import { Client, PASSWORD, call, person } from "./client.mjs";

const [server, transport] = process.argv.slice(2);

const alice = await person(server, "Alice");
const bob = await person(server, "Bob");
const carol = await person(server, "Carol");

// Somebody has made a project with a task, and added two others.
const made = await call(server, "POST", "/api/projects", { token: alice.token, body: { name: "Campus garden" } });
assert.equal(made.status, 201);
const { projectId } = made.body;
for (const other of [bob, carol]) {
  const added = await call(server, "POST", `/api/projects/${projectId}/members`, {
    token: alice.token, body: { email: other.email, role: "editor" },
  });
  assert.equal(added.status, 201);
}
const created = await call(server, "POST", `/api/projects/${projectId}/tasks`, {
  token: alice.token, body: { title: "Buy seeds" },
});
assert.equal(created.status, 201);
const { taskId } = created.body;

// 1. Log in.
const login = await call(server, "POST", "/login", { body: { email: alice.email, pwd: PASSWORD } });
assert.equal(login.status, 200);
const { token } = login.body;

// 2. Connect. 3. Welcome.
const clients = [token, bob.token, carol.token].map((each) => new Client(server, each, transport));
const [me, second, third] = clients;
for (const client of clients) assert.equal((await client.next("welcome")).message, "Connected!");
assert.equal((await me.next("welcome")).user.id, alice.user.id);

// 4. Join: the members and the board.
for (const client of clients) {
  const answer = await client.ask("join_project", { projectId });
  assert.equal(answer.ok, true);
  const joined = await client.next("project_joined");
  assert.equal(joined.position, answer.position);
  assert.deepEqual(joined.members.map((each) => each.name), ["Alice", "Bob", "Carol"]);
  assert.deepEqual(joined.board.tasks.map((each) => [each.taskId, each.status]), [[taskId, "todo"]]);
  assert.ok(joined.online.length >= 1);
}
assert.equal((await me.next("user_joined", (each) => each.userId === carol.user.id)).name, "Carol");

// 5. Drag: by PUT and by task_moved, with one commandId or without: one event.
const put = await call(server, "PUT", `/api/tasks/${taskId}`, { token, body: { status: "in-progress" } });
assert.equal(put.status, 200);
assert.equal(put.body.status, "in-progress");
const dragged = await me.ask("task_moved", { taskId, status: "in-progress" });
assert.equal(dragged.ok, true);
assert.equal(dragged.position, put.body.position);

// 6. The others hear it, and a message.
for (const client of [second, third]) {
  const news = await client.next("task_updated");
  assert.equal(news.taskId, taskId);
  assert.equal(news.newStatus, "in-progress");
  assert.equal(news.position, put.body.position);
  assert.equal(news.actor, alice.user.id);
}
const said = await me.ask("send_message", { projectId, text: "It is spring" });
assert.equal(said.ok, true);
for (const client of clients) {
  const message = await client.next("new_message");
  assert.equal(message.text, "It is spring");
  assert.equal(message.author, alice.user.id);
  assert.equal(message.position, said.position);
}
for (const client of clients) assert.equal(client.all("task_updated").length, 1);

// 7. Log out: the sockets of the session close, and the others see it.
assert.equal((await call(server, "POST", "/logout", { token })).status, 204);
assert.equal((await second.next("user_left")).userId, alice.user.id);
await me.next("disconnect");
assert.equal((await call(server, "GET", "/me", { token })).status, 401);

// A bad token is a connect_error with a code; so is the ended session's, and none.
for (const [bad, code] of [["nonsense", "token_invalid"], [token, "session_ended"], [undefined, "token_missing"]]) {
  const refused = new Client(server, bad, transport);
  assert.equal((await refused.next("connect_error")).data.code, code);
  refused.socket.close();
}
for (const client of clients) client.socket.close();
console.log("seven steps done");
