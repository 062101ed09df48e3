import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { sha3_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import * as sync from './sync.mjs';

const v = JSON.parse(readFileSync(new URL('../vectors/sync.json', import.meta.url), 'utf8'));
const hex = hexToBytes;
const same = (got, want, what) => assert.equal(bytesToHex(got), want, what);
const hex64 = (n) => n.toString(16).padStart(16, '0');

test('SipHash-2-4, the example of its paper', () => {
  const bytes = (n) => Uint8Array.from({ length: n }, (_, i) => i);
  assert.equal(sync.sipHash(bytes(16), bytes(15)), 0xa129ca6149be45e5n);
});

test('keys, tags, checks, fingerprints and digests', () => {
  for (const c of v.keys) {
    const k = sync.keys(hex(c.space), hex(c.nonce_initiator), hex(c.nonce_responder), c.pass);
    same(k.tags, c.tag_key);
    same(k.ranges, c.range_key);
    const ids = c.ids.map(hex);
    const tags = ids.map((id) => sync.tag(k, id));
    assert.deepEqual(tags.map(hex64), c.tags);
    assert.deepEqual(tags.map((t) => hex64(sync.check(k, t))), c.checks);
    same(sync.fingerprint(k, ids), c.fingerprint);
    same(sync.digest(ids), c.digest);
  }
});

test('which indices a tag is mapped to', () => {
  for (const c of v.jumps) assert.equal(sync.jump(BigInt(c.i), BigInt(c.u)), BigInt(c.j), JSON.stringify(c));
  for (const c of v.paths) assert.deepEqual(sync.path(BigInt('0x' + c.tag)), c.indices);
});

test('sketches, and the difference of two sets', () => {
  const { space, nonce_initiator, nonce_responder } = v.keys[0];
  const k = sync.keys(hex(space), hex(nonce_initiator), hex(nonce_responder), 1);
  for (const c of v.sketches) {
    const [a, b] = [c.a.map(hex), c.b.map(hex)];
    same(sync.encodeSymbols(sync.sketch(k, a, c.symbols_of_a.length / 32)), c.symbols_of_a);
    assert.deepEqual(sync.difference(k, b, hex(c.symbols_of_a)).map(hex64).sort(), c.tags_in_one);
    assert.equal(sync.difference(k, b, hex(c.symbols_of_a).with(3, 77)), null, 'a wrong symbol');
  }
});

for (const c of v.sessions) {
  test(`a session: ${c.name}`, () => {
    const ours = c.from_initiator.map((f) => sync.message(hex(f)));
    const theirs = c.from_responder.map((f) => sync.message(hex(f)));
    const [, space, nonceA, , countA, frontier, heads] = ours[0].fields;
    const [, , nonceB, , countB, , , plan] = theirs[0].fields;
    assert.equal(countA, c.initiator_ids.length);
    assert.equal(countB, c.responder_ids.length);
    same(frontier, bytesToHex(sync.digest(c.initiator_heads.map(hex))), 'frontier');
    if (c.initiator_heads.length <= 16) assert.deepEqual(heads.map(([id]) => bytesToHex(id)), c.initiator_heads);
    const k = sync.keys(space, nonceA, nonceB, 1);

    // The union of both sets is what both finals prove.
    const union = [...new Set([...c.initiator_ids, ...c.responder_ids])].sort().map(hex);
    same(sync.digest(union), c.digest);
    for (const side of [ours, theirs]) {
      const last = side.at(-1);
      assert.equal(last.type, 8);
      same(last.fields[1], c.digest, 'final');
    }

    // What each side sent is what the other lacked.
    const sent = (side) => side.filter((m) => m.type === 5).flatMap((m) => m.fields[1]).map((b) => bytesToHex(sha3_256(b)));
    assert.deepEqual(sent(ours).sort(), c.initiator_ids.filter((id) => !c.responder_ids.includes(id)));
    assert.deepEqual(sent(theirs).sort(), c.responder_ids.filter((id) => !c.initiator_ids.includes(id)));

    // Symbols are those of the side that sent them, and wants follow from them.
    for (const [from, to, mine, other] of [[ours, theirs, c.initiator_ids, c.responder_ids], [theirs, ours, c.responder_ids, c.initiator_ids]]) {
      const symbols = from.filter((m) => m.type === 2).map((m) => bytesToHex(m.fields[0])).join('');
      if (symbols === '') continue;
      same(sync.encodeSymbols(sync.sketch(k, mine.map(hex), symbols.length / 32)), symbols, 'symbols');
      const wanted = to.filter((m) => m.type === 4).map((m) => bytesToHex(m.fields[1])).join('');
      const lacking = mine.filter((id) => !other.includes(id)).map((id) => hex64(sync.tag(k, hex(id))));
      assert.equal(wanted, lacking.sort().join(''), 'want');
      assert.equal(plan, from === theirs ? 3 : 0, 'plan');
    }
  });
}

test('an export', () => {
  const e = sync.readExport(hex(v.export), sha3_256);
  assert.equal(e.ids.length, 5);
  same(e.ids.at(-1), bytesToHex(e.heads[0]));
  assert.throws(() => sync.readExport(hex(v.export).slice(0, -1), sha3_256));
  assert.throws(() => sync.readExport(hex(v.export).with(200, 1), sha3_256));
});

test('messages that are malformed', () => {
  for (const bad of ['80', '8109', '82024f' + '00'.repeat(15), '8204f5', '8305034180', '8308018180', '8406f500']) {
    assert.throws(() => sync.message(hex(bad)), bad);
  }
});
