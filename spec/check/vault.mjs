// spec/store.md, written from its text.

import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { argon2id } from '@noble/hashes/argon2.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { sha3_256 } from '@noble/hashes/sha3.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';

const MiB = 1048576;
const text = (s) => utf8ToBytes(s);
const join = (...parts) => Uint8Array.from(parts.flatMap((p) => [...p]));
export const be = (n, size) => Uint8Array.from({ length: size }, (_, i) => Number((BigInt(n) >> BigInt(8 * (size - 1 - i))) & 255n));
export const num = (b) => b.reduce((n, x) => n * 256n + BigInt(x), 0n);
const derive = (key, info, salt) => hkdf(sha512, key, salt, text(info), 32);
const open = (key, sealed, data) => xchacha20poly1305(key, sealed.slice(0, 24), data).decrypt(sealed.slice(24));

/** place is where byte off of a region lies in the file. */
export const place = (region, off) => 65536 + 4 * MiB * Math.floor(off / MiB) + MiB * region + (off % MiB);

export const master = (passphrase, salt, t, m, p) =>
  passphrase === '' ? derive(salt, 'pars vault without a passphrase v1') : argon2id(text(passphrase), salt, { t, m, p, dkLen: 32 });
export const slotKey = (key, slot) => derive(key, `pars vault slot v1 ${slot}`);

/** slot opens one copy of a slot. */
export const slot = (key, number, block) => {
  const b = open(key, block, text(`pars vault slot v1 ${number}`));
  if (b.length !== 4056 || num(b.slice(8, 10)) !== 1n) throw new Error('version');
  const n = Number(num(b.slice(72, 74)));
  if (n > 2048 || b.slice(74 + n).some((x) => x !== 0)) throw new Error('secret');
  return {
    generation: Number(num(b.slice(0, 8))), on_open: b[10], on_miss: b[11], network_id: Number(num(b.slice(12, 16))), region_key: b.slice(16, 48),
    restored: Number(num(b.slice(48, 56))), alive: Number(num(b.slice(56, 64))), within: Number(num(b.slice(64, 72))), secret: b.slice(74, 74 + n),
  };
};

/** block opens a block of a volume and returns its payload. */
export const block = (key, use, id, index, bytes) => {
  const b = open(key, bytes, join(text(use), be(id, 8), be(index, 8)));
  const n = Number(num(b.slice(0, 2)));
  if (b.length !== 4056 || n > 4054 || b.slice(2 + n).some((x) => x !== 0)) throw new Error('payload');
  return b.slice(2, 2 + n);
};

export const superblock = (b) => {
  const n = Number(num(b.slice(18, 20)));
  if (num(b.slice(0, 2)) !== 1n || b.length !== 20 + 8 * n) throw new Error('superblock');
  return {
    generation: Number(num(b.slice(2, 10))), log: Number(num(b.slice(10, 18))),
    extents: Array.from({ length: n }, (_, i) => [Number(num(b.slice(20 + 8 * i, 24 + 8 * i))), Number(num(b.slice(24 + 8 * i, 28 + 8 * i)))]),
  };
};

/** records reads the records of one block of a volume's log. */
export const records = (b) => {
  let at = 0;
  const uvarint = () => {
    for (let n = 0n, shift = 0n; ; shift += 7n) {
      const x = b[at++];
      n |= BigInt(x & 127) << shift;
      if (x < 128) return Number(n);
    }
  };
  const path = () => {
    const n = uvarint();
    at += n;
    return new TextDecoder().decode(b.slice(at - n, at));
  };
  const fields = { 1: [path], 2: [path], 3: [uvarint, path], 4: [uvarint, path], 5: [path], 6: [path, path], 7: [uvarint, uvarint, uvarint], 8: [uvarint, uvarint, uvarint], 9: [uvarint, uvarint, uvarint] };
  const out = [];
  while (at < b.length) {
    const op = b[at++];
    out.push([op, ...fields[op].map((f) => f())]);
  }
  return out;
};

/** keys reads a slot's secret. */
export const keys = (b) => {
  if (b.length !== 75 || num(b.slice(0, 2)) !== 2n) throw new Error('schema');
  const root = b.slice(2, 34);
  return {
    names: derive(root, 'pars store names v1'), values: derive(root, 'pars store values v1'),
    generation: Number(num(b.slice(34, 42))), root: { stored: b[42] === 1, seed: b.slice(43) },
  };
};

export const databaseKey = (k, kind, name, number) =>
  join([kind], hmac(sha3_256, k.names, join([kind], name)).slice(0, 16), be(number, 8));

/** record opens a value of the database. */
export const record = (key, diskKey, sealed) => {
  const b = open(key, sealed, diskKey);
  const n = Number(num(b.slice(0, 2)));
  return { name: b.slice(2, 2 + n), value: b.slice(2 + n) };
};

const nodeKey = (seed) => derive(seed, 'pars store erasure node v1');

/** leafKey walks the tree of erasure keys; null means that the leaf was erased. */
export const leafKey = (root, stored, leaf) => {
  let s = root;
  for (let level = 0; level < 6; level++) {
    const c = Math.floor(leaf / 32 ** (5 - level)) % 32;
    if (!s.stored) {
      s = { stored: false, seed: derive(s.seed, 'pars store erasure child v1 ' + String.fromCharCode(65 + c)) };
      continue;
    }
    const number = Math.floor(leaf / 32 ** (6 - level));
    const b = open(nodeKey(s.seed), stored(level, number), join(text('t'), [level], be(number, 8)));
    const alive = Number(num(b.slice(0, 4)));
    const below = Number(num(b.slice(4, 8)));
    if (((alive >>> c) & 1) === 0) return null;
    let before = 0;
    for (let i = 0; i < c; i++) before += (alive >>> i) & 1;
    s = { stored: ((below >>> c) & 1) === 1, seed: b.slice(8 + 32 * before, 40 + 32 * before) };
  }
  return s.seed;
};

/** nextRoot opens what an unfinished erasure left. */
export const nextRoot = (k, pending) => open(nodeKey(k.root.seed), pending, join(text('p'), be(k.generation + 1, 8)));

/** backup opens a backup that is locked under words. */
export const backup = (entropy, file) => {
  const salt = file.slice(0, 32);
  const key = derive(entropy, 'pars backup words v1', salt);
  const parts = [];
  for (let at = 32, n = 0; ; n++, at += 65552) {
    const chunk = file.slice(at, at + 65552);
    const last = chunk.length < 65552;
    parts.push(xchacha20poly1305(key, join(be(n, 8), new Uint8Array(15), [last ? 1 : 0])).decrypt(chunk));
    if (last) break;
  }
  const b = join(...parts);
  let at = 14;
  const take = (n) => b.slice(at, (at += n));
  const out = { network: Number(num(b.slice(2, 6))), made: Number(num(b.slice(6, 14))), entries: [] };
  for (;;) {
    const type = take(1)[0];
    if (type === 0) break;
    if (type !== 1) throw new Error('only records are read here');
    const [kind, number, until] = [take(1)[0], Number(num(take(8))), Number(num(take(8)))];
    const [name, value] = [Number(num(take(2))), Number(num(take(4)))];
    out.entries.push({ kind, number, until, name: new TextDecoder().decode(take(name)), value: new TextDecoder().decode(take(value)) });
  }
  if (Number(num(take(8))) !== out.entries.length || at !== b.length) throw new Error('end');
  return out;
};
