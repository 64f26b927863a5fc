// An OpenID Connect provider for the tests: `oidc-provider` from npm with its own development forms.
// It says its {"issuer"} in a line of JSON, then is told {"person", "claims"} or {"rotate"}, a line each, and answers each with {}.

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const [redirectUri] = process.argv.slice(2);
const people = new Map();
let keys = 0;

function signingKey(type, options, alg) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), use: "sig", alg, kid: `key-${(keys += 1)}` };
}

const client = (client_id, more) => ({
  client_id,
  redirect_uris: [redirectUri],
  response_types: ["code"],
  grant_types: ["authorization_code"],
  ...more,
});

function provider(issuer) {
  const rsa = signingKey("rsa", { modulusLength: 2048 }, "RS256");
  const ec = signingKey("ec", { namedCurve: "P-256" }, "ES256");
  return new Provider(issuer, {
    clients: [
      client("campus", { client_secret: "a secret : with + signs" }),
      client("other", { client_secret: "another secret" }),
      client("public", { token_endpoint_auth_method: "none", id_token_signed_response_alg: "ES256" }),
    ],
    jwks: { keys: [rsa, ec] },
    cookies: { keys: ["a key for the tests"] },
    claims: { openid: ["sub"], profile: ["name"], email: ["email", "email_verified"], groups: ["groups"] },
    scopes: ["openid", "profile", "email", "groups"],
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...people.get(sub) }) }),
    ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 600, IdToken: 60, Interaction: 60, Session: 60 },
  });
}

const server = createServer((request, response) => serving(request, response));
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const { port } = server.address();
const issuer = `http://127.0.0.1:${port}`;
let serving = provider(issuer).callback();
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
say({ issuer });

for await (const line of createInterface({ input: process.stdin })) {
  const { person, claims, rotate } = JSON.parse(line);
  if (person) people.set(person, claims);
  if (rotate) serving = provider(issuer).callback();
  say({});
}
process.exit(0);
