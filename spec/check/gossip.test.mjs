import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bytesToHex, hexToBytes as hex } from '@noble/hashes/utils.js';
import * as gossip from './gossip.mjs';

const v = JSON.parse(readFileSync(new URL('../vectors/gossip.json', import.meta.url), 'utf8'));
const id = (b) => new Uint8Array(32).fill(b);
const tag = gossip.tag(hex(v.tag.sender), hex(v.tag.receiver), hex(v.tag.space));

test('the tag of a space', () => assert.equal(bytesToHex(tag), v.tag.tag));

test('a frame of each type', () => {
  const want = {
    join: [1, tag],
    leave: [300],
    vertex: [1, true, new TextEncoder().encode('vertex')],
    ids: [1, false, Uint8Array.of(...id(1), ...id(2))],
    graft: [1, 1, true, id(3)],
    prune: [1, true, id(4)],
  };
  assert.deepEqual(Object.keys(v.frames).sort(), Object.keys(want).sort());
  for (const [name, elements] of Object.entries(want)) {
    assert.equal(bytesToHex(gossip.write(name, ...elements)), v.frames[name], name);
    assert.deepEqual(gossip.read(hex(v.frames[name])), { name, elements });
  }
});

test('what must be refused', () => {
  for (const [why, frame] of Object.entries(v.refused)) assert.throws(() => gossip.read(hex(frame)), undefined, why);
});
