import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { hexToBytes } from '@noble/hashes/utils.js';
import { Conversation, parse } from './content.mjs';

const vectors = JSON.parse(readFileSync(new URL('../vectors/content.json', import.meta.url), 'utf8'));

test('content: bodies', () => {
  assert.ok(vectors.bodies.length > 9);
  for (const v of vectors.bodies) assert.equal(parse(v.kind, hexToBytes(v.body), v.sent_ms).order, v.order, v.what);
});

test('content: bodies that are refused', () => {
  assert.ok(vectors.refused.length > 20);
  for (const v of vectors.refused) assert.throws(() => parse(v.kind, hexToBytes(v.body), 1), Error, v.what);
});

for (const [i, v] of vectors.conversations.entries()) {
  test(`content: conversation ${i}`, () => {
    const c = new Conversation(hexToBytes(v.peer));
    for (const e of v.events) {
      c.add({ author: hexToBytes(e.author), device: hexToBytes(e.device), id: hexToBytes(e.id), sentMs: e.sent_ms, kind: e.kind, body: hexToBytes(e.body) });
    }
    for (const want of v.views) assert.deepEqual(c.view(want.me, want.now_ms), want);
  });
}
