// A second implementation of the arithmetic and the messages of spec/sync.md.
import { sha3_256 } from '@noble/hashes/sha3.js';
import { concat, decode, encode } from './cbor.mjs';

const MASK = (1n << 64n) - 1n;
export const MAX_SYMBOLS = 16384n;

const le64 = (b, at) => {
  let v = 0n;
  for (let i = 7; i >= 0; i--) v = (v << 8n) | BigInt(b[at + i]);
  return v;
};

const be64 = (b, at) => {
  let v = 0n;
  for (let i = 0; i < 8; i++) v = (v << 8n) | BigInt(b[at + i]);
  return v;
};

export const bytes64 = (v) => Uint8Array.from({ length: 8 }, (_, i) => Number((v >> BigInt(56 - 8 * i)) & 255n));

const rotl = (x, n) => ((x << n) | (x >> (64n - n))) & MASK;

/** sipHash is SipHash-2-4 with a 16-byte key; the result is a BigInt. */
export const sipHash = (key, data) => {
  const k0 = le64(key, 0);
  const k1 = le64(key, 8);
  let [a, b, c, d] = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn, k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n];
  const round = () => {
    a = (a + b) & MASK;
    b = rotl(b, 13n) ^ a;
    a = rotl(a, 32n);
    c = (c + d) & MASK;
    d = rotl(d, 16n) ^ c;
    a = (a + d) & MASK;
    d = rotl(d, 21n) ^ a;
    c = (c + b) & MASK;
    b = rotl(b, 17n) ^ c;
    c = rotl(c, 32n);
  };
  const padded = new Uint8Array(Math.floor(data.length / 8) * 8 + 8);
  padded.set(data);
  padded[padded.length - 1] = data.length & 255;
  for (let at = 0; at < padded.length; at += 8) {
    const m = le64(padded, at);
    d ^= m;
    round();
    round();
    a ^= m;
  }
  c ^= 255n;
  for (let i = 0; i < 4; i++) round();
  return a ^ b ^ c ^ d;
};

const sum = (label, ...fields) => sha3_256(encode([label, ...fields]));

/** keys derives what both sides share in one pass. */
export const keys = (space, initiator, responder, pass) => {
  const k = sum('pars sync tags v1', space, initiator, responder, pass);
  return { tags: k, tag: k.slice(0, 16), check: k.slice(16), ranges: sum('pars sync ranges v1', space, initiator, responder, pass) };
};

export const tag = (k, id) => sipHash(k.tag, id);
export const check = (k, t) => sipHash(k.check, bytes64(t).reverse());
export const fingerprint = (k, ids) => sha3_256(concat([k.ranges, ...ids])).slice(0, 16);
export const digest = (ids) => sha3_256(concat(ids));

/** jump is the smallest j > i with (j+1)(j+2)u >= (i+1)(i+2)2^32, at most MAX_SYMBOLS, by bisection. */
export const jump = (i, u) => {
  const square = ((i + 1n) * (i + 2n)) << 32n;
  let [lo, hi] = [i + 1n, MAX_SYMBOLS];
  while (lo < hi) {
    const mid = (lo + hi) / 2n;
    if ((mid + 1n) * (mid + 2n) * u >= square) hi = mid;
    else lo = mid + 1n;
  }
  return lo;
};

/** path lists the indices of a tag below end. */
export const path = (t, end = MAX_SYMBOLS) => {
  const out = [];
  let state = t;
  for (let i = 0n; i < end; ) {
    out.push(Number(i));
    state = (state + 0x9e3779b97f4a7c15n) & MASK;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
    i = jump(i, ((z ^ (z >> 31n)) >> 32n) + 1n);
  }
  return out;
};

const put = (symbols, k, t) => {
  const c = check(k, t);
  for (const i of path(t, BigInt(symbols.length))) {
    symbols[i].tag ^= t;
    symbols[i].check ^= c;
  }
};

/** sketch returns the first n symbols of a set of ids. */
export const sketch = (k, ids, n) => {
  const symbols = Array.from({ length: n }, () => ({ tag: 0n, check: 0n }));
  for (const id of ids) put(symbols, k, tag(k, id));
  return symbols;
};

export const encodeSymbols = (symbols) => concat(symbols.flatMap((s) => [bytes64(s.tag), bytes64(s.check)]));

/** difference recovers the tags that only one of the sketched sets has, or null. */
export const difference = (k, ids, encoded) => {
  const rest = sketch(k, ids, encoded.length / 16);
  rest.forEach((s, i) => {
    s.tag ^= be64(encoded, 16 * i);
    s.check ^= be64(encoded, 16 * i + 8);
  });
  const found = [];
  for (let progress = true; progress; ) {
    progress = false;
    for (const s of rest) {
      if ((s.tag || s.check) && check(k, s.tag) === s.check) {
        found.push(s.tag);
        put(rest, k, s.tag);
        progress = true;
      }
    }
  }
  return rest.every((s) => s.tag === 0n && s.check === 0n) ? found : null;
};

const isBytes = (min, max) => (v) => v instanceof Uint8Array && v.length >= min && v.length <= max;
const isUint = (v) => typeof v === 'number';
const isBool = (v) => typeof v === 'boolean';
const id = isBytes(32, 32);
const multiple = (n, max) => (v) => isBytes(0, max)(v) && v.length % n === 0;
const list = (max, f) => (v) => Array.isArray(v) && v.length <= max && v.every(f);
const tuple = (...f) => (v) => Array.isArray(v) && v.length === f.length && f.every((g, i) => g(v[i]));

const shapes = {
  0: [(v) => v === 1, id, isBytes(16, 16), isUint, isUint, (v) => isBytes(0, 32)(v) && v.length % 32 === 0, list(16, tuple(id, isUint)), (v) => isUint(v) && v <= 4],
  1: [isUint],
  2: [(v) => multiple(16, 262144)(v) && v.length > 0],
  3: [isUint],
  4: [isBool, multiple(8, 131072)],
  5: [(v) => isUint(v) && v <= 2, list(128, isBytes(0, 98304))],
  6: [isUint],
  7: [isBool, list(1024, (v) => tuple(isBytes(0, 32), isUint, isBytes(0, 512))(v) && [0, 16, v[2].length][v[1]] === v[2].length && v[2].length % 8 === 0)],
  8: [(v) => isUint(v) && v <= 2, (v) => isBytes(0, 32)(v) && v.length % 32 === 0],
};

/** message reads one message and checks its shape. */
export const message = (frame) => {
  const [type, ...fields] = decode(frame);
  const shape = shapes[type];
  if (!shape || shape.length !== fields.length || !shape.every((f, i) => f(fields[i]))) throw new Error(`a message of type ${type} is malformed`);
  return { type, fields };
};

/** readExport reads the frames of an export, of which it takes the vertices apart with idOf. */
export const readExport = (b, idOf) => {
  const frames = [];
  for (let at = 0; at < b.length; ) {
    const n = new DataView(b.buffer, b.byteOffset + at).getUint32(0);
    if (at + 4 + n > b.length) throw new Error('the export is cut off');
    frames.push(decode(b.slice(at + 4, at + 4 + n)));
    at += 4 + n;
  }
  const [type, version, space, line, since, heads, count] = frames.shift();
  const [last, sumOfIDs] = frames.pop();
  if (type !== 16 || version !== 1 || last !== 18) throw new Error('not an export');
  const vertices = frames.flatMap(([t, vs]) => {
    if (t !== 17 || vs.length === 0 || vs.length > 128) throw new Error('not a batch');
    return vs;
  });
  const ids = vertices.map(idOf);
  const want = digest(ids);
  if (vertices.length !== count || !want.every((x, i) => x === sumOfIDs[i])) throw new Error('the export is damaged');
  return { space, line, since, heads, ids };
};
