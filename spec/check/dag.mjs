// spec/dag.md, written from its text.

import { sha3_256 } from '@noble/hashes/sha3.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { decode, encode } from './cbor.mjs';
import { equal, sum, verify } from './identity.mjs';

const keySize = 2624;
const signatureSize = 4691;

/** spaceName is section 1. */
export const spaceName = (rules) => sum('pars space v1', rules.auth, rules.witnesses, rules.seed);

/** Refusal says what is wrong with a vertex: encoding, invalid or auth. */
export class Refusal extends Error {
  constructor(kind, what) {
    super(`${kind}: ${what}`);
    this.kind = kind;
  }
}

const must = (ok, kind, what) => {
  if (!ok) throw new Refusal(kind, what);
};

const limits = (kind, witnesses) => {
  if (kind === 1) return { parents: 16, payload: 49152 };
  if (kind === 2) return { parents: 16, payload: 16384 };
  if (kind === 3 && witnesses > 0) return { parents: witnesses + 16, payload: 16384 };
  throw new Refusal('invalid', `kind ${kind}`);
};

const parse = (bytes) => {
  let item;
  try {
    item = decode(bytes);
  } catch (err) {
    throw new Refusal('encoding', err.message);
  }
  const is = (x, n) => x instanceof Uint8Array && (n === undefined || x.length === n);
  const number = (x) => typeof x === 'number';
  must(Array.isArray(item) && item.length === 9, 'encoding', 'not nine elements');
  const [version, space, author, seq, parents, lamport, kind, payload, auth] = item;
  must(number(version) && is(space, 32) && is(author, 32) && number(seq) && Array.isArray(parents), 'encoding', 'types');
  must(parents.every((p) => is(p, 32)) && number(lamport) && number(kind) && is(payload) && is(auth), 'encoding', 'types');
  const id = sha3_256(encode(['pars vertex v1', ...item.slice(0, 8)]));
  return { version, space, author, seq, parents: parents.map(bytesToHex), lamport, kind, payload, auth, id };
};

/** History holds the valid vertices of one space, which come parents first. */
export class History {
  constructor(rules) {
    this.rules = rules;
    this.space = spaceName(rules);
    this.vertices = new Map();
    this.keys = new Map();
  }

  /** add checks an encoded vertex by section 5 and returns its id. */
  add(bytes) {
    const v = parse(bytes);
    const author = bytesToHex(v.author);
    must(v.version === 1, 'invalid', 'version');
    must(equal(v.space, this.space), 'invalid', 'space');
    const most = limits(v.kind, this.rules.witnesses);
    must(v.parents.length <= most.parents, 'invalid', 'parents');
    must(v.payload.length <= most.payload, 'invalid', 'payload');
    must(v.parents.every((p, i) => i === 0 || v.parents[i - 1] < p), 'invalid', 'order of parents');
    const parents = v.parents.map((p) => {
      if (!this.vertices.has(p)) throw new Error(`parent ${p} is missing`);
      return this.vertices.get(p);
    });
    const own = parents.filter((p) => p.author === author);
    must(v.lamport === 1 + Math.max(0, ...parents.map((p) => p.lamport)), 'invalid', 'lamport');
    must(v.seq === 1 + Math.max(0, ...own.map((p) => p.seq)), 'invalid', 'seq');
    this.checkAuth(v, author);
    this.vertices.set(bytesToHex(v.id), { author, seq: v.seq, lamport: v.lamport, parents: v.parents });
    return v.id;
  }

  checkAuth(v, author) {
    if (this.rules.auth === 2) return must(v.auth.length === 0, 'auth', 'not empty');
    must(v.auth.length === signatureSize + (v.seq === 1 ? keySize : 0), 'auth', 'length');
    let key = this.keys.get(author);
    if (v.seq === 1) {
      key = v.auth.slice(0, keySize);
      must(equal(sum('pars vertex author v1', key), v.author), 'auth', 'key');
    }
    must(verify(key, 'pars vertex v1', v.id, v.auth.slice(-signatureSize)), 'auth', 'signature');
    this.keys.set(author, key);
  }

  /** frontier is the ids, ascending, that no vertex names as parent. */
  frontier() {
    const heads = new Set(this.vertices.keys());
    for (const v of this.vertices.values()) v.parents.forEach((p) => heads.delete(p));
    return [...heads].sort();
  }

  /** forks are the ids, ascending, of vertices that share author and seq. */
  forks() {
    const by = new Map();
    for (const [id, v] of this.vertices) {
      const k = `${v.author}/${String(v.seq).padStart(16, '0')}`;
      by.set(k, [...(by.get(k) ?? []), id]);
    }
    return [...by.keys()].sort().map((k) => by.get(k).sort()).filter((ids) => ids.length > 1);
  }
}
