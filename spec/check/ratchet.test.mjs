import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { sha3_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import * as ratchet from './ratchet.mjs';

const { conversations } = JSON.parse(readFileSync(new URL('../vectors/ratchet.json', import.meta.url), 'utf8'));

for (const v of conversations) {
  test(`conversation: ${v.name}`, () => {
    const setup = {
      root: hexToBytes(v.setup.root_key),
      transcript: hexToBytes(v.setup.transcript),
      fromInitiator: hexToBytes(v.setup.header_key_initiator),
      fromResponder: hexToBytes(v.setup.header_key_responder),
      seedResponder: hexToBytes(v.setup.ratchet_seed_responder),
    };
    const sides = { initiator: ratchet.start(setup, true, v.began_ms), responder: ratchet.start(setup, false, v.began_ms) };
    const made = [];
    const history = [];
    for (const [i, e] of v.events.entries()) {
      const back = e.result.match(/^back to the state after event (\d+)$/);
      if (back) {
        sides[e.open] = history[Number(back[1])][e.open];
      } else if (e.send) {
        const [raw, next] = ratchet.encrypt(sides[e.send], hexToBytes(e.random), e.unix, hexToBytes(e.mailbox), e.expiry_hour, hexToBytes(e.payload));
        assert.equal(bytesToHex(sha3_256(raw)), e.envelope_sha3, `event ${i}`);
        if (e.envelope) assert.equal(bytesToHex(raw), e.envelope);
        sides[e.send] = next;
        made.push({ raw, payload: e.payload });
      } else if (e.result === 'ok') {
        const { raw, payload } = made[e.message];
        for (const at of [5, 50, 70, 124, raw.length - 1]) {
          assert.throws(() => ratchet.decrypt(sides[e.open], e.unix, raw.with(at, raw[at] ^ 1)), `event ${i}, byte ${at}`);
        }
        const [got, next] = ratchet.decrypt(sides[e.open], e.unix, raw);
        assert.equal(bytesToHex(got), payload, `event ${i}`);
        sides[e.open] = next;
      } else {
        const error = { 'out of step': ratchet.OutOfStep, refused: ratchet.Refused }[e.result];
        assert.throws(() => ratchet.decrypt(sides[e.open], e.unix, made[e.message].raw), error, `event ${i}`);
      }
      history.push({ ...sides });
      if (!back) {
        const acting = sides[e.send ?? e.open];
        assert.equal(bytesToHex(acting.rk), e.root_after, `event ${i}`);
        assert.equal(bytesToHex(acting.hash), e.hash_after, `event ${i}`);
      }
    }
  });
}
