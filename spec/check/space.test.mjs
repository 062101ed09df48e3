import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bytesToHex, hexToBytes as hex } from '@noble/hashes/utils.js';
import { spaceName } from './dag.mjs';
import * as space from './space.mjs';

const v = JSON.parse(readFileSync(new URL('../vectors/space.json', import.meta.url), 'utf8'));

test('links', () => {
  for (const { witnesses, seed, title, text, space: id } of v.links) {
    const rules = { witnesses, seed: hex(seed), title };
    assert.equal(space.link(rules), text);
    assert.deepEqual(space.readLink(` ${text.toUpperCase()}\n`), rules);
    assert.equal(bytesToHex(spaceName({ auth: 1, ...rules })), id);
  }
  for (const [why, text] of Object.entries(v.refused_links)) assert.throws(() => space.readLink(text), undefined, why);
});

test('posts and changes of notes', () => {
  for (const { payload, ...p } of v.posts) {
    assert.equal(bytesToHex(space.post(p)), payload);
    assert.deepEqual(space.readPost(hex(payload)), p);
    assert.throws(() => space.readChange(hex(payload)));
  }
  for (const { payload, id, changes, ...n } of v.notes) {
    const c = { ...n, changes: hex(changes) };
    assert.equal(bytesToHex(space.change(c)), payload);
    assert.deepEqual(space.readChange(hex(payload)), c);
    assert.throws(() => space.readPost(hex(payload)));
    assert.equal(bytesToHex(space.noteID(n.note)), id);
  }
  for (const [why, payload] of Object.entries(v.refused_payloads)) {
    assert.throws(() => space.readPost(hex(payload)), undefined, why);
    assert.throws(() => space.readChange(hex(payload)), undefined, why);
  }
});
