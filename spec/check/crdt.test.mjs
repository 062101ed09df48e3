import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { Document, changes, decode, named } from './crdt.mjs';

const vectors = JSON.parse(readFileSync(new URL('../vectors/crdt.json', import.meta.url), 'utf8'));
const same = (doc, hex, what) => assert.equal(bytesToHex(doc.encode()), hex, what);

for (const h of vectors.histories) {
  const take = (doc, x) => {
    const past = new Map(x.past.map((i) => [h.vertices[i].id, h.vertices[i].lamport]));
    doc.apply({ id: x.id, lamport: x.lamport }, hexToBytes(x.delta), (v) => past.get(v.id) === v.lamport);
  };
  test(`documents: ${h.name}`, () => {
    const all = new Document();
    for (const c of [...h.copies, h.merged]) {
      const doc = new Document();
      c.vertices.forEach((i) => take(doc, h.vertices[i]));
      same(doc, c.state, 'vertices applied one by one');
      assert.deepEqual(doc.shows(), c.shows);
      same(decode(hexToBytes(c.state)), c.state, 'a state decoded and encoded');
      all.merge(decode(hexToBytes(c.state)));
    }
    same(all, h.merged.state, 'copies merged');
    all.fold(h.line);
    same(all, h.compacted, 'compacted');
    same(decode(hexToBytes(h.compacted)), h.compacted, 'a compacted state decoded and encoded');
    take(all, h.after);
    same(all, h.after_compacted, 'one more vertex');
  });
}

test('documents: inputs that are refused', () => {
  for (const r of vectors.refused) {
    const read = () => (r.state ? decode(hexToBytes(r.state)) : new Document().apply({ id: '00'.repeat(32), lamport: 9 }, hexToBytes(r.delta), () => true));
    assert.throws(read, r.what);
  }
});

test('documents: a payload for several', () => {
  const list = changes(hexToBytes(vectors.payload));
  assert.deepEqual(list.map(([id]) => id), vectors.documents);
  assert.deepEqual(['a', 'b'].map((n) => bytesToHex(named(n))).sort(), vectors.documents);
});
