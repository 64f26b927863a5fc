// In a page: what the address asks for, each thing by itself; the findings go back to whoever served the page.
import { call } from "/client.mjs";
import { io } from "socket.io-client";

const asked = new URLSearchParams(location.search);
const server = asked.get("server");
const token = asked.get("token");

/** Run the seven steps, the very module that runs in Node; the address makes it anew each time. */
async function steps(transport) {
  globalThis.process.argv = ["browser", "seven_steps.mjs", server, transport];
  await import(`/seven_steps.mjs?${encodeURIComponent(transport)}`);
  return "done";
}

/** Whether a socket of this page's origin is let in. */
function connected(transport) {
  return new Promise((resolve) => {
    const options = { auth: { token }, transports: [transport], reconnection: false, forceNew: true, withCredentials: true };
    const socket = io(server, options);
    socket.on("welcome", () => { socket.close(); resolve(true); });
    socket.on("connect_error", (error) => resolve(error.data ? error.data.code : false));
  });
}

/** Whether HTTP calls are, preflight and headers included. */
async function called() {
  const made = await call(server, "POST", "/api/projects", {
    token, body: { name: "In a page" }, headers: { "idempotency-key": crypto.randomUUID() },
  });
  const path = `/api/projects/${made.body.projectId}`;
  const read = await call(server, "GET", `${path}/board`, { token });
  const etag = read.headers.get("etag");
  const statuses = [made.status, read.status];
  for (const [method, body] of [["PATCH", { name: "Renamed" }], ["DELETE", undefined]]) {
    statuses.push((await call(server, method, path, { token, body, headers: { "if-match": "*" } })).status);
  }
  const held = await call(server, "GET", path, { token, headers: { "if-none-match": etag } });
  return [...statuses, held.status, etag === `"${read.body.position}"`];
}

/** Whether a call is that sends cookies along, as many clients are set to. */
async function with_cookies() {
  return (await fetch(`${server}/me`, { credentials: "include", headers: { authorization: `Bearer ${token}` } })).status;
}

const tried = {};
for (const transport of asked.getAll("steps")) tried[transport] = () => steps(transport);
Object.assign(tried, {
  called,
  with_cookies,
  websocket_origin: () => connected("websocket"),
  polling_origin: () => connected("polling"),
});
const found = {};
for (const [name, attempt] of Object.entries(tried)) {
  try {
    found[name] = await attempt();
  } catch (error) {
    found[name] = String(error);
  }
}
await fetch("/found", { method: "POST", body: JSON.stringify(found) });
