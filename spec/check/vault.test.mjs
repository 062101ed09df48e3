import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bytesToHex, hexToBytes as hex } from '@noble/hashes/utils.js';
import * as vault from './vault.mjs';

const read = (name) => JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'));
const same = (got, want, what) => assert.equal(bytesToHex(got), want, what);

test('slots', () => {
  for (const c of read('vault').slots) {
    const master = vault.master(c.passphrase, hex(c.salt), c.argon2_passes, c.argon2_kib, c.argon2_lanes);
    same(master, c.master);
    const key = vault.slotKey(master, c.slot);
    same(key, c.key);
    const s = vault.slot(key, c.slot, hex(c.block));
    for (const f of ['generation', 'on_open', 'on_miss', 'network_id', 'restored', 'alive', 'within']) assert.equal(s[f], c[f], f);
    same(s.region_key, c.region_key);
    same(s.secret, c.secret);
    assert.throws(() => vault.slot(key, (c.slot + 1) % 4, hex(c.block)));
  }
});

test('places', () => {
  for (const c of read('vault').places) assert.equal(vault.place(c.region, c.offset), c.at);
});

test('blocks of a volume', () => {
  const v = read('volume');
  const [root, log, tail] = v.blocks.map((c) => {
    const payload = vault.block(hex(v.key), c.use, c.id, c.index, hex(c.block));
    same(payload, c.payload);
    assert.throws(() => vault.block(hex(v.key), c.use, c.id, c.index + 1, hex(c.block)));
    return payload;
  });
  assert.deepEqual(vault.superblock(root), { generation: 3, log: 9, extents: [[2, 20], [90, 1]] });
  const id = 2 ** 52 + 7;
  assert.deepEqual(vault.records(log), [
    [1, '/'], [1, '/db'], [3, id, '/db/000002.log'], [7, id, 300, 8], [8, id, 40, 41], [9, id, 5000, 41], [4, id, '/b'], [6, '/b', '/c'], [5, '/c'], [2, '/e'],
  ]);
  assert.equal(new TextDecoder().decode(tail), 'the end of a file');
});

test('records, the tree of erasure keys, a backup', () => {
  const v = read('store');
  const before = vault.keys(hex(v.secret));
  for (const r of v.records) {
    const key = vault.databaseKey(before, r.kind, hex(r.name), r.number);
    same(key, r.database_key);
    const erasable = r.kind >= 128;
    const secret = erasable ? vault.leafKey(before.root, null, Number(vault.num(hex(r.sealed).slice(0, 8)))) : before.values;
    same(secret, r.key);
    const got = vault.record(secret, key, hex(r.sealed).slice(erasable ? 8 : 0));
    same(got.name, r.name);
    same(got.value, r.value);
  }
  const after = vault.keys(hex(v.secret_after));
  assert.equal(after.generation, before.generation + 1);
  assert.equal(after.root.stored, true);
  same(vault.nextRoot(before, hex(v.pending)), bytesToHex(after.root.seed));
  const stored = (level, number) => hex(v.nodes.find((n) => n.level === level && n.number === number).sealed);
  for (const l of v.leaves) {
    same(vault.leafKey(before.root, null, l.leaf), l.key);
    const now = vault.leafKey(after.root, stored, l.leaf);
    assert.equal(now === null, l.erased);
    if (now !== null) same(now, l.key);
  }
  assert.deepEqual(vault.backup(hex(v.backup_entropy), hex(v.backup)), {
    network: 1337, made: 1800000000,
    entries: [{ kind: 2, number: 1, until: 0, name: 'a', value: 'one' }, { kind: 129, number: 2, until: 0, name: 'b', value: 'two' }],
  });
});
