// The seed's own architecture, set up as one would for production: Express, Socket.IO, a pool of PostgreSQL
// connections, the state in one table. A move is one UPDATE, told to the room, acknowledged.
// PG* and BENCH_SECRET come from the environment; a line says where it listens. SIGUSR2 collects garbage.

import { createServer } from "node:http";
import express from "express";
import jwt from "jsonwebtoken";
import pg from "pg";
import { Server } from "socket.io";

const secret = process.env.BENCH_SECRET;
const pool = new pg.Pool({ max: 16, min: 4, idleTimeoutMillis: 0 });
const app = express().disable("x-powered-by");
const http = createServer(app);
const io = new Server(http, { perMessageDeflate: false, serveClient: false });
const room = (projectId) => `project_${projectId}`;

const answering = (work) => async (payload, acknowledge = () => {}) => {
  try {
    await work(payload ?? {});
    acknowledge({ ok: true });
  } catch (error) {
    acknowledge({ ok: false, error: { code: "failed", message: error.message } });
  }
};

async function moveTask(user, { taskId, projectId, status }) {
  const done = await pool.query({
    name: "move",
    text: "UPDATE tasks SET status = $1, updated_at = now() WHERE id = $2",
    values: [status, taskId],
  });
  if (done.rowCount !== 1) throw new Error("no such task");
  const at = new Date().toISOString();
  io.to(room(projectId)).emit("task_updated", { taskId, newStatus: status, by: user, at });
}

io.use((socket, next) => {
  try {
    socket.data.user = jwt.verify(socket.handshake.auth.token, secret, { algorithms: ["HS256"] }).sub;
    next();
  } catch {
    next(new Error("unauthorized"));
  }
});

io.on("connection", (socket) => {
  const user = socket.data.user;
  socket.emit("welcome", { message: "Connected!", user: { id: user } });
  socket.on("join_project", answering(async ({ projectId }) => {
    await socket.join(room(projectId));
    socket.emit("project_joined", { projectId, members: [] });
  }));
  socket.on("leave_project", answering(({ projectId }) => socket.leave(room(projectId))));
  socket.on("task_moved", answering((move) => moveTask(user, move)));
});

app.get("/health", (_, response) => response.json({ ok: true }));
process.on("SIGUSR2", () => globalThis.gc?.());
process.on("SIGTERM", () => process.exit(0));
await pool.query("SELECT 1");
http.listen({ port: 0, host: "127.0.0.1", backlog: 2048 }, () => {
  console.log(`ready on http://127.0.0.1:${http.address().port}`);
});
