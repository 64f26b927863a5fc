// A token ends while a stock client is connected: node renewal.mjs SERVER TRANSPORT
// It says `ready`, and then reads the short token and the long one.
import assert from "node:assert/strict";
import { createInterface } from "node:readline/promises";
const { io } = await import(process.env.SOCKET_IO_CLIENT ?? "socket.io-client");

const [server, transport] = process.argv.slice(2);
const input = createInterface({ input: process.stdin });
console.log("ready");
const tokens = (await new Promise((read) => input.once("line", read))).split(" ");
input.close();
let asked = 0;
const socket = io(server, {
  auth: (give) => give({ token: tokens[Math.min(asked++, tokens.length - 1)] }),
  transports: transport.split("+"), forceNew: true, reconnectionDelay: 50,
});
socket.on("connect_error", (error) => { throw error; });

const welcome = () => new Promise((resolve) => socket.once("welcome", resolve));
const first = await welcome();
const reason = await new Promise((resolve) => socket.once("disconnect", resolve));
assert.notEqual(reason, "io server disconnect", "after that one it would not come back by itself");
assert.ok(socket.active);
const again = await welcome();
assert.equal(again.user.id, first.user.id);
assert.equal(asked, 2);
socket.close();
console.log("came back with a fresh token");
