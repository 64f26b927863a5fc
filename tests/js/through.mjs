// Clients from npm that write and hear through a balancer while nodes go: node through.mjs SERVER TRANSPORT…
// It prints "writing" once all have written, goes on until its standard input ends, and then prints what became of it.
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { io } from "socket.io-client";
import { call, person } from "./client.mjs";

const [server, ...transports] = process.argv.slice(2);
const FRAMES = ["task_updated", "new_message", "member_updated", "project_updated"];
const ANSWERED_WITHIN = 3000, BEFORE = 10, AFTER = 10;
const alice = await person(server, "Alice");
const { body: { projectId } } = await call(server, "POST", "/api/projects", { token: alice.token, body: { name: "Garden" } });

class Writer {
  acknowledged = [];
  heard = [];
  nodes = [];
  reasons = [];

  constructor(transport) {
    this.socket = io(server, {
      auth: { token: alice.token }, transports: transport.split("+"), forceNew: true, reconnectionDelay: 100,
    });
    this.socket.on("connect", () => this.#connected());
    this.socket.on("disconnect", (reason) => this.reasons.push(reason));
    this.socket.on("project_joined", ({ events }) => this.heard.push(...events.map((each) => each.position)));
    for (const name of FRAMES) this.socket.on(name, ({ position }) => this.heard.push(position));
  }

  #connected() {
    this.nodes.push(this.socket.io.engine.id.split(".")[1]);
    this.socket.emit("join_project", { projectId, position: this.heard.at(-1) ?? 0 });
  }

  /** Say something once, however often it has to be asked. */
  async say() {
    const text = crypto.randomUUID(), commandId = crypto.randomUUID();
    for (;;) {
      if (!this.socket.connected) await once(this.socket, "connect");
      try {
        const answer = await this.socket.timeout(ANSWERED_WITHIN).emitWithAck("send_message", { projectId, text, commandId });
        if (!answer.ok) throw new Error(JSON.stringify(answer));
        this.acknowledged.push(text);
        return;
      } catch (error) {
        if (this.socket.connected && !/timed out|disconnect/.test(error.message)) throw error;
      }
    }
  }

  async write(until) {
    while (!until()) {
      await this.say();
      await pause(40);
    }
  }

  async hearUntil(head) {
    while (this.heard.at(-1) !== head) await pause(10);
  }
}

const writers = transports.map((transport) => new Writer(transport));
let told = false;
process.stdin.on("end", () => (told = true)).resume();
await Promise.all(writers.map((each) => each.write(() => each.acknowledged.length >= BEFORE)));
console.log("writing");
await Promise.all(writers.map((each) => each.write(() => told)));
for (const each of writers) each.before = each.acknowledged.length;
await Promise.all(writers.map((each) => each.write(() => each.acknowledged.length >= each.before + AFTER)));
const log = await call(server, "GET", `/api/projects/${projectId}/events?limit=1000`, { token: alice.token });
const events = log.body.items;
await Promise.all(writers.map((each) => each.hearUntil(events.at(-1).position)));
console.log(JSON.stringify({
  said: events.filter(({ type }) => type === "MessageSent").map(({ data }) => data.text),
  head: events.at(-1).position,
  writers: writers.map(({ acknowledged, heard, nodes, reasons }) => ({ acknowledged, heard, nodes, reasons })),
}));
process.exit(0);
