import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { History, Refusal } from './dag.mjs';

const { histories } = JSON.parse(readFileSync(new URL('../vectors/dag.json', import.meta.url), 'utf8'));

for (const h of histories) {
  test(`vertices of a space: ${h.name}`, () => {
    const space = new History({ auth: h.auth, witnesses: h.witnesses, seed: hexToBytes(h.seed) });
    assert.equal(bytesToHex(space.space), h.space);
    for (const v of h.vertices) {
      let got = 'valid';
      try {
        assert.equal(bytesToHex(space.add(hexToBytes(v.encoded))), v.id, v.name);
      } catch (err) {
        if (!(err instanceof Refusal)) throw err;
        got = err.kind;
      }
      assert.equal(got, v.verdict, v.name);
    }
    assert.deepEqual(space.frontier(), h.frontier);
    assert.deepEqual(space.forks(), h.forks);
  });
}
