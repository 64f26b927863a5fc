// Socket.IO's connection state recovery with the client from npm: node recovery.mjs SERVER TRANSPORT SCENARIO…
import assert from "node:assert/strict";
import { once } from "node:events";
import { Client, call, person } from "./client.mjs";

const [server, transport, ...wanted] = process.argv.slice(2);
const alice = await person(server, "Alice");
const bob = await person(server, "Bob");
const clients = [];

const asAlice = async (method, path, body) => {
  const answer = await call(server, method, path, { token: alice.token, body });
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
  return answer.body;
};
const add = (projectId) => asAlice("POST", `/api/projects/${projectId}/members`, { userId: bob.user.id, role: "editor" });
const remove = (projectId) => asAlice("DELETE", `/api/projects/${projectId}/members/${bob.user.id}`);
const say = async (projectId) => (await asAlice("POST", `/api/projects/${projectId}/messages`, { text: "Hello" })).position;
const project = async () => {
  const { projectId } = await asAlice("POST", "/api/projects", { name: "Garden" });
  await add(projectId);
  return projectId;
};

async function connected(auth, options = {}) {
  const client = new Client(server, bob.token, transport, { auth, ...options });
  clients.push(client);
  await client.next("welcome");
  return client;
}

const wishing = (options) => connected({ token: bob.token, recovery: true }, options);

async function join(client, projectId) {
  const { ok, position } = await client.ask("join_project", { projectId });
  assert.ok(ok);
  await client.next("project_joined", (joined) => joined.projectId === projectId);
  return position;
}

/** Whether a client is recovered that lost its connection, and came back after something had happened. */
async function comesBack(client, meanwhile = async () => {}) {
  client.heard = [];
  client.socket.io.engine.close();
  await client.next("disconnect");
  await meanwhile();
  client.socket.connect();
  await client.next("welcome");
  return client.socket.recovered;
}

/** The position of a message that the client has heard. */
async function said(client, projectId) {
  const sent = await say(projectId);
  await client.next("new_message", ({ position }) => position === sent);
  return sent;
}

const positions = (client) => client.all("new_message").map((each) => each.position);

const scenarios = {
  async returning() {
    const client = await connected((give) => give({ token: bob.token, recovery: true }));
    assert.ok(!client.socket.recovered);
    const projectId = await project();
    const joined = await join(client, projectId);

    assert.equal(await comesBack(client, async () => { for (let i = 0; i < 3; i++) await say(projectId); }), true);
    const there = await client.next("presence");
    assert.deepEqual(client.heard.map(([name]) => name).filter((name) => name !== "notification"), ["disconnect", "welcome", ...Array(3).fill("new_message"), "presence"]);
    assert.deepEqual(positions(client), [joined + 1, joined + 2, joined + 3]);
    assert.deepEqual(there, { projectId, joined: [], left: [], online: [bob.user.id] });

    assert.equal(await comesBack(client), true);
    assert.deepEqual(positions(client), []);
    await said(client, projectId);
    assert.equal(await comesBack(client, () => say(projectId)), true);
    await client.next("presence");
    assert.deepEqual(positions(client), [joined + 5]);
  },

  async sentAway() {
    const client = await wishing();
    const projectId = await project();
    await join(client, projectId);

    assert.equal(await comesBack(client, () => remove(projectId)), false);
    assert.equal((await client.ask("join_project", { projectId })).error.code, "project_not_found");
    await add(projectId);
    assert.equal(await comesBack(client), false);
    assert.deepEqual(client.heard.map(([name]) => name), ["disconnect", "welcome"]);

    await join(client, projectId);
    assert.equal(await comesBack(client, async () => { await remove(projectId); await add(projectId); }), false);
    await join(client, projectId);
    assert.equal(await comesBack(client, () => asAlice("DELETE", `/api/projects/${projectId}`)), false);
    await asAlice("POST", `/api/projects/${projectId}/restore`);
    await join(client, projectId);
    await remove(projectId);
    await client.next("project_left");
    await add(projectId);
    assert.equal(await comesBack(client), false);
  },

  async rooms() {
    const client = await wishing();
    const [first, second] = [await project(), await project()];
    await join(client, first);
    await join(client, second);
    await said(client, first);
    assert.equal(await comesBack(client, () => say(first)), false);
    assert.deepEqual(positions(client), []);

    await join(client, first);
    await join(client, second);
    const heard = await said(client, first);
    assert.ok((await client.ask("leave_project", { projectId: second })).ok);
    await client.next("project_left");
    assert.equal(await comesBack(client, () => say(first)), true);
    await client.next("presence");
    assert.deepEqual(positions(client), [heard + 1]);

    assert.ok((await client.ask("leave_project", { projectId: first })).ok);
    await client.next("project_left");
    assert.equal(await comesBack(client), false);
  },

  async storm() {
    const client = await wishing({ reconnection: true, reconnectionDelay: 20, randomizationFactor: 0 });
    const projectId = await project();
    const joined = await join(client, projectId);
    const writer = new Client(server, alice.token, "websocket");
    clients.push(writer);
    let head = joined;
    let going = true;
    const writing = (async () => {
      while (going) head = (await writer.ask("send_message", { projectId, text: "Hello" })).position;
    })();
    const welcomes = () => client.all("welcome").length;
    for (let times = 1; times <= 8; times++) {
      while (welcomes() < times) await new Promise((later) => setTimeout(later, 5));
      if (times > 1) assert.equal(client.socket.recovered, true);
      await new Promise((later) => setTimeout(later, 20));
      if (times < 8) client.socket.io.engine.close();
    }
    going = false;
    await writing;
    await client.next("new_message", ({ position }) => position === head);
    assert.ok(head > joined + 20);
    assert.deepEqual(positions(client), Array.from({ length: head - joined }, (_, nth) => joined + 1 + nth));
    assert.equal(client.all("project_joined").length, 1);
  },

  async restart() {
    const client = await wishing();
    const projectId = await project();
    const joined = await join(client, projectId);
    console.log("restart");
    await client.next("disconnect");
    await once(process.stdin, "data");
    await say(projectId);
    await say(projectId);
    client.socket.connect();
    await client.next("presence");
    assert.equal(client.socket.recovered, true);
    assert.deepEqual(positions(client), [joined + 1, joined + 2]);
    process.stdin.destroy();
  },
};

await Promise.all(wanted.map((name) => scenarios[name]()));
for (const client of clients) client.socket.close();
console.log("done");
