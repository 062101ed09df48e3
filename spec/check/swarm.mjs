// spec/swarm.md, written from its text.

import { sha3_256 } from '@noble/hashes/sha3.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { concat, encode } from './cbor.mjs';
import { suite, sum } from './identity.mjs';
import { position } from './nodes.mjs';

const number = (bytes) => bytes.reduce((v, b) => (v << 8n) | BigInt(b), 0n);
const be64 = (n) => Uint8Array.from({ length: 8 }, (_, i) => Number((n >> BigInt(8 * (7 - i))) & 255n));

/** nearest returns the seven of ids whose positions are nearest to a key. */
export const nearest = (epoch, randomness, ids, key) => {
  const far = (id) => number(position(epoch, randomness, id)) ^ number(key);
  return [...ids].sort((a, b) => (far(a) < far(b) ? -1 : 1)).slice(0, 7);
};

export const itemID = (kind, key, hour, content) => sum('pars swarm item v1', kind, key, hour, content);
export const item = (kind, key, hour, content, stamp) => encode([1, kind, key, hour, content, stamp]);

export const strength = (id, stamp) => sha3_256(concat([utf8ToBytes('pars swarm stamp v1'), id, be64(stamp)]));

/** work is how many zero bits a strength begins with. */
export const work = (s) => {
  const bits = number(s).toString(2);
  return number(s) === 0n ? 256 : 256 - bits.length;
};

/** search counts up until a stamp has enough work. */
export const search = (id, bits, from) => {
  let stamp = from;
  while (work(strength(id, stamp)) < bits) stamp = (stamp + 1n) & 0xffffffffffffffffn;
  return stamp;
};

export const mailbox = (key) => sum('pars mailbox v1', suite, key);
export const signedBytes = (node, challenge, nonce, verb, body) => encode([node, challenge, nonce, verb, body]);

/** request makes a request, signed if there is a key. */
export const request = (verb, body, owner) => {
  if (!owner) return encode([1, verb, body, new Uint8Array()]);
  const { key, node, challenge, nonce } = owner;
  const signature = key.sign('pars swarm request v1', signedBytes(node, challenge, nonce, verb, body));
  return encode([1, verb, body, encode([key.public, challenge, nonce, signature])]);
};

/** pair names the set that two nodes both hold. */
export const pair = (a, b) => {
  const [low, high] = number(a) < number(b) ? [a, b] : [b, a];
  return sum('pars swarm pair v1', low, high);
};
