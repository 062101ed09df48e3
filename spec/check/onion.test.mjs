import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { sha3_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { concat } from './cbor.mjs';
import { kemPair } from './identity.mjs';
import * as onion from './onion.mjs';

const vectors = JSON.parse(readFileSync(new URL('../vectors/onion.json', import.meta.url), 'utf8'));
const hex = hexToBytes;
const same = (got, want, what) => assert.equal(bytesToHex(got), want, what);
const digest = (b) => bytesToHex(sha3_256(b));
const message = ({ pattern, length }) => {
  const p = hex(pattern);
  return Uint8Array.from({ length }, (_, i) => p[i % p.length]);
};
const flip = (b, i) => b.with(i, b[i] ^ 1);

for (const v of vectors.requests) {
  test(`onion: ${v.name}`, () => {
    const pairs = v.hops.map((h) => kemPair(hex(h.key_seed)));
    const path = v.hops.map((h, i) => ({ id: hex(h.node_id), pub: pairs[i].public }));
    path.forEach((h, i) => same(onion.keyID(h.pub), v.hops[i].key_id, 'key ID'));
    const request = message(v.request);
    const node = v.node ? hex(v.node) : new Uint8Array(32);

    const { packets, keys } = onion.build(hex(v.random), path, v.kind, node, request);
    assert.equal(packets.length, v.packets_sha3.length);
    if (v.first_packet) same(packets[0], v.first_packet, 'first packet');

    const first = [];
    const parts = packets.map((p, i) => {
      let part;
      pairs.forEach((pair, hop) => {
        assert.equal(p.length, onion.packetSize);
        assert.equal(digest(p), v.packets_sha3[i][hop], `packet ${i} at hop ${hop + 1}`);
        const o = onion.open(pair, p);
        same(o.keys.tag, v.tags[i][hop], 'tag');
        same(o.keys.tag, bytesToHex(keys[i][hop].tag), 'tag at the sender');
        if (i === 0) first.push(o.keys);
        if (hop < 2) {
          assert.equal(o.kind, 1);
          same(o.node, v.hops[hop + 1].node_id, 'next node');
          p = o.packet;
        } else {
          assert.equal(o.kind, v.kind);
          same(o.node, bytesToHex(node), 'node behind');
          part = o;
        }
      });
      return part;
    });
    same(onion.join(parts), bytesToHex(request), 'request');
    for (const at of [0, 8, 40, 1607, 1608, 1624, 13695]) assert.throws(() => onion.open(pairs[0], flip(packets[0], at)));

    const back = onion.answer(first[2], message(v.answer)).map((c, i) => {
      assert.equal(digest(c), v.cells_sha3[i][0]);
      for (const hop of [1, 0]) {
        c = onion.pass(first[hop], i, c);
        assert.equal(c.length, onion.cellSize);
        assert.equal(digest(c), v.cells_sha3[i][2 - hop], `cell ${i} from hop ${hop + 1}`);
      }
      if (i === 0 && v.first_cell_at_client) same(c, v.first_cell_at_client, 'first cell');
      assert.throws(() => onion.openCell(keys[0], i, flip(c, 100)));
      return onion.openCell(keys[0], i, c);
    });
    same(onion.join(back), bytesToHex(message(v.answer)), 'answer');

    for (const f of v.failures) {
      let c = onion.failure(first[f.hop - 1], f.reason);
      for (let hop = f.hop - 2; hop >= 0; hop--) c = onion.pass(first[hop], 0, c);
      assert.equal(digest(c), f.cell_at_client_sha3);
      assert.deepEqual(onion.openCell(keys[0], 0, c), { from: f.hop - 1, reason: f.reason });
    }
  });
}

test('onion: what must be refused', () => {
  const pair = kemPair(hex(vectors.requests[0].hops[0].key_seed));
  const side = onion.agree(pair.public, hex(vectors.refused_random));
  const good = concat([onion.command(2, 0, 1, 5, new Uint8Array(32)), new Uint8Array(12032)]);
  assert.equal(onion.open(pair, onion.seal(side, good)).length, 5);
  assert.ok(vectors.refused.length >= 12);
  for (const v of vectors.refused) {
    const p = onion.seal(side, concat([hex(v.command), new Uint8Array(12032)]));
    p[v.at] ^= v.xor;
    assert.equal(digest(p), v.packet_sha3, v.name);
    assert.throws(() => onion.open(pair, p), v.name);
  }
});
