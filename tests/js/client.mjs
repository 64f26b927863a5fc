// Small helpers around the unmodified client from npm: the newest that is installed, or the one in SOCKET_IO_CLIENT.
const { io } = await import(process.env.SOCKET_IO_CLIENT ?? "socket.io-client");

export const PASSWORD = "a long enough password";

/** One HTTP call; the answer's status, headers and decoded body. */
export async function call(server, method, path, { token, body, headers = {} } = {}) {
  const response = await fetch(server + path, {
    method,
    headers: {
      ...(body ? { "content-type": "application/json" } : {}),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...headers,
    },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : null };
}

/** Register somebody under a fresh address; `{token, user, email}`. */
export async function person(server, name) {
  const email = `${name}-${crypto.randomUUID()}@example.org`;
  const { status, body } = await call(server, "POST", "/register", { body: { email, name, password: PASSWORD } });
  if (status !== 201) throw new Error(`register answered ${status}: ${JSON.stringify(body)}`);
  return { ...body, email };
}

/** A client that keeps everything it hears, and can wait for what it has not heard yet. */
export class Client {
  constructor(server, token, transport, options = {}) {
    this.heard = [];
    this.waiting = [];
    const usual = { auth: { token }, transports: transport.split("+"), reconnection: false, forceNew: true };
    this.socket = io(server, { ...usual, ...options });
    this.socket.onAny((event, payload) => this.#hear(event, payload));
    this.socket.on("connect_error", (error) => this.#hear("connect_error", error));
    this.socket.on("disconnect", (reason) => this.#hear("disconnect", reason));
  }

  #hear(event, payload) {
    this.heard.push([event, payload]);
    this.waiting = this.waiting.filter((wait) => !wait(event, payload));
  }

  /** The payload of the first event of that name, heard already or still to come, that fits. */
  next(event, fits = () => true, within = 5000) {
    const known = this.heard.find(([name, payload]) => name === event && fits(payload));
    if (known) return Promise.resolve(known[1]);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${event}; heard ${JSON.stringify(this.heard)}`)), within);
      this.waiting.push((name, payload) => {
        if (name !== event || !fits(payload)) return false;
        clearTimeout(timer);
        resolve(payload);
        return true;
      });
    });
  }

  all(event) {
    return this.heard.filter(([name]) => name === event).map(([, payload]) => payload);
  }

  /** The acknowledgement; `timeout` and `emitWithAck` came after 4.0. */
  ask(event, payload, within = 5000) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${event} was not answered`)), within);
      this.socket.emit(event, payload, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  }
}
