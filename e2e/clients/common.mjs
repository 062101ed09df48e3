// What the client scripts share: the node under test, a contract, and a network
// that can be cut.
import { once } from "node:events";
import { createServer, connect } from "node:net";

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; e2e/clients_test.go sets it`);
  return value;
}

/** The node's HTTP address, and a funded key on its chain. */
export const url = required("NODE_URL");
export const key = required("NODE_KEY");

/**
 * A contract in EVM code. Called with 32 bytes it stores them in slot 0 and logs
 * them as its only topic and as data; called without data it returns slot 0.
 */
export const store = "0x7936600c575f545f5260205ff35b5f35805f55805f5260205fa1005f52601a6006f3";

/** word returns n as the 32 bytes that the contract takes. */
export const word = (n) => "0x" + BigInt(n).toString(16).padStart(64, "0");

/**
 * proxy relays a local port to the node and returns its WebSocket address and a
 * function that cuts all connections that are open.
 */
export async function proxy() {
  const target = new URL(url);
  const open = new Set();
  const server = createServer((client) => {
    const node = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [client, node],
      [node, client],
    ]) {
      open.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        open.delete(socket);
        other.destroy();
      });
    }
    client.pipe(node).pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    ws: `ws://127.0.0.1:${server.address().port}`,
    cut: () => open.forEach((socket) => socket.destroy()),
    close: () => {
      server.close();
      open.forEach((socket) => socket.destroy());
    },
  };
}

/** Inbox collects what a subscription delivers, and waits for a given item. */
export class Inbox {
  #items = [];
  #waiters = [];

  push(item) {
    this.#items.push(item);
    this.#waiters = this.#waiters.filter(({ wanted, resolve }) => {
      if (!wanted(item)) return true;
      resolve(item);
      return false;
    });
  }

  /** want resolves with the first item, past or to come, for which wanted holds. */
  want(wanted) {
    const have = this.#items.find(wanted);
    if (have !== undefined) return Promise.resolve(have);
    return new Promise((resolve) => this.#waiters.push({ wanted, resolve }));
  }
}
