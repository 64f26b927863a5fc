// What the seven steps need of node:assert, in a page.
const shown = (value) => JSON.stringify(value);

function equal(actual, expected, message) {
  if (!Object.is(actual, expected)) throw new Error(message ?? `${shown(actual)} is not ${shown(expected)}`);
}

export default {
  ok: (value, message) => equal(Boolean(value), true, message),
  equal,
  deepEqual: (actual, expected, message) => equal(shown(actual), shown(expected), message),
};
