import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { entropyToMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import * as id from './identity.mjs';
import * as setup from './setup.mjs';

const vectors = (name) => JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));
const hex = (h) => hexToBytes(h);
const same = (got, want, what) => assert.equal(bytesToHex(got), want, what);
const flip = (b, i) => b.with(i, b[i] ^ 1);

test('accounts and Session IDs from phrases', () => {
  const { accounts } = vectors('identity.json');
  assert.ok(accounts.length >= 4);
  for (const v of accounts) {
    assert.equal(entropyToMnemonic(hex(v.entropy), wordlist), v.phrase);
    const seed = id.accountSeed(v.phrase);
    same(seed, v.account_seed, 'account seed');
    const a = id.account(seed);
    same(a.signing, v.signing_public, 'signing key');
    same(a.agreement, v.agreement_public, 'agreement key');
    assert.equal(id.sessionID(id.rawID(a.signing, a.agreement)), v.session_id);
    assert.equal('pars:' + v.session_id, v.link);
  }
});

test('safety words, in either order', () => {
  for (const v of vectors('identity.json').safety) {
    const got = id.safety(v.b, v.a);
    assert.deepEqual(got, { words: v.words, digits: v.digits, persian: v.persian_digits });
  }
});

test('slots', () => {
  for (const v of vectors('identity.json').slots) {
    assert.equal(Math.floor(v.unix / 604800), v.week);
    same(id.slot(id.parseID(v.session_id), v.week), v.slot, 'slot');
  }
});

test('bundles verify, in every form', () => {
  for (const v of vectors('bundle.json').bundles) {
    const raw = hex(v.bundle);
    const b = id.openBundle(raw, v.issued);
    const a = id.account(hex(v.account_seed));
    assert.equal(id.sessionID(b.id), v.session_id);
    assert.equal(id.sessionID(id.rawID(a.signing, a.agreement)), v.session_id);
    assert.equal(b.issued, v.issued);
    assert.equal(b.expires, v.expires);
    same(b.mailbox, v.mailbox, 'mailbox');
    assert.deepEqual(
      b.devices.map((d) => [bytesToHex(d.id), bytesToHex(d.key), bytesToHex(id.prekeyID(d.signed)), d.oneTime.map((k) => bytesToHex(id.prekeyID(k)))]),
      v.devices.map((d) => [d.id, d.key, d.signed_prekey_id, d.one_time_prekey_ids]),
    );
    same(id.readCard(v.card), v.bundle, 'card');
    same(id.readFrames([...v.frames].reverse()), v.bundle, 'frames');
    same(id.openSealed(b.id, v.week, hex(v.sealed)), v.bundle, 'sealed');
    assert.throws(() => id.openBundle(flip(raw, 100), v.issued));
    assert.throws(() => id.openBundle(flip(raw, raw.length - 1), v.issued));
    assert.throws(() => id.openBundle(raw, v.expires));
    assert.throws(() => id.openSealed(b.id, v.week + 1, hex(v.sealed)));
  }
});

const message = (m) => ({ kind: m.kind, id: hex(m.id), conversation: hex(m.conversation), sentMs: m.sent_ms, body: hex(m.body) });

const parties = (v) => {
  const bob = {
    id: id.parseID(v.bob.session_id),
    device: id.kemPair(hex(v.bob.device_seed)),
    signed: id.kemPair(hex(v.bob.signed_prekey_seed)),
    oneTime: v.bob.one_time_prekey_seed ? id.kemPair(hex(v.bob.one_time_prekey_seed)) : null,
  };
  const alice = { id: id.parseID(v.alice.session_id), bundle: hex(v.alice.bundle), device: id.kemPair(hex(v.alice.device_seed)) };
  return { alice, bob };
};

for (const v of vectors('setup.json').setups) {
  test(`set-up with ${v.name}: the recipient's side`, () => {
    const { alice, bob } = parties(v);
    const got = setup.accept(hex(v.envelope), v.unix, bob);
    assert.equal(id.sessionID(got.from.id), v.alice.session_id);
    assert.deepEqual(got.message, message(v.message));
    same(got.tag, v.replay_tag, 'replay tag');
    same(got.schedule.chain, v.pending_chain, 'chain');
    same(got.schedule.hash, v.pending_hash, 'transcript');
    const back = setup.answer(hex(v.answer_random), v.unix, got, message(v.answer_message), v.ttl_seconds);
    same(back.envelope, v.answer, 'answer');
    same(back.root, v.root_key, 'root key');
    same(back.fromInitiator, v.header_key_initiator, 'header key');
    same(back.fromResponder, v.header_key_responder, 'header key');
    same(back.transcript, v.transcript, 'transcript');
    if (v.again) {
      same(setup.sealAgain(hex(v.again_random), v.unix, got.again, got.from.mailbox, message(v.again_message), v.ttl_seconds), v.again, 'request');
    }
    const env = hex(v.envelope);
    for (const at of [5, 40, 43, 44, 100, 1700, 4000, 20000, env.length - 1]) {
      assert.throws(() => setup.accept(flip(env, at), v.unix, bob), `a flipped bit in byte ${at}`);
    }
    assert.throws(() => setup.accept(env, v.unix, { ...bob, id: alice.id }));
  });

  test(`set-up with ${v.name}: the sender's side`, () => {
    const { alice, bob } = parties(v);
    const bundle = id.openBundle(hex(v.bob.bundle), v.unix);
    const pending = setup.initiate(hex(v.initiate_random), v.unix, alice, bundle, bob.oneTime?.public, message(v.message), v.ttl_seconds);
    same(pending.envelope, v.envelope, 'envelope');
    same(pending.tag, v.replay_tag, 'replay tag');
    const reply = setup.openAnswer(hex(v.answer), pending, alice.device);
    assert.deepEqual(reply.message, message(v.answer_message));
    same(reply.root, v.root_key, 'root key');
    same(reply.transcript, v.transcript, 'transcript');
    if (v.again) assert.deepEqual(setup.openAgain(hex(v.again), pending.again), message(v.again_message));
    assert.throws(() => setup.openAnswer(flip(hex(v.answer), 8191), pending, alice.device));
  });
}
