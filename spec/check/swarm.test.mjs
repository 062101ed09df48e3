import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { sha3_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { decode, encode } from './cbor.mjs';
import * as nodes from './nodes.mjs';
import * as swarm from './swarm.mjs';

const vectors = (name) => JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));
const hex = hexToBytes;
const same = (got, want, what) => assert.equal(bytesToHex(got), want, what);

test('node records', () => {
  const { records } = vectors('nodes.json');
  assert.ok(records.length >= 2);
  for (const v of records) {
    const key = nodes.signer(hex(v.key_seed));
    const claims = {
      network: v.network, onion: nodes.onionKey(hex(v.onion_seed)), onionExpires: v.onion_expires, addresses: v.addresses.map(hex),
      services: v.services, epoch: v.epoch, randomness: hex(v.randomness), seq: v.seq, expires: v.expires,
    };
    same(nodes.body({ ...claims, key: key.public }), v.signed_body, 'body');
    same(nodes.sign(key, claims), v.record, 'record');
    same(nodes.nodeID(key.public), v.node_id, 'node id');
    assert.equal(nodes.peerID(key.public), v.peer_id);
    same(nodes.position(v.epoch, hex(v.randomness), hex(v.node_id)), v.position, 'position');
    assert.deepEqual(nodes.open(hex(v.record)), { ...claims, key: key.public });
    const raw = hex(v.record);
    for (const at of [0, 5, 100, 3000, raw.length - 1]) assert.throws(() => nodes.open(raw.with(at, raw[at] ^ 1)), `bit in byte ${at}`);
  }
});

test('epochs and the open registry', () => {
  for (const v of vectors('nodes.json').epochs) {
    assert.equal(nodes.epochOf(v.unix), v.epoch);
    same(nodes.openRandomness(v.network, v.epoch), v.open_randomness);
  }
});

test('an exchange of directories', () => {
  const { records, exchange } = vectors('nodes.json');
  const list = [...records].sort((a, b) => (a.node_id < b.node_id ? -1 : 1));
  const raw = list.map((r) => hex(r.record));
  same(nodes.digest(raw), exchange.directory_digest);
  same(encode([1, records[0].network, hex(exchange.directory_digest)]), exchange.hello);
  same(encode([false, list.map((r, i) => [hex(r.node_id), r.seq, sha3_256(raw[i]).slice(0, 8)])]), exchange.summary);
  same(encode([list.map((r) => hex(r.node_id))]), exchange.want);
  same(encode([raw, false]), exchange.batch);
});

test('placement', () => {
  for (const v of vectors('swarm.json').placements) {
    assert.deepEqual(swarm.nearest(v.epoch, hex(v.randomness), v.nodes.map(hex), hex(v.key)).map(bytesToHex), v.nearest);
  }
});

test('items and stamps', () => {
  for (const v of vectors('swarm.json').items) {
    const content = new Uint8Array(v.content_size).fill(v.fill);
    content.set(hex(v.content_header));
    const id = swarm.itemID(v.kind, hex(v.key), v.hour, content);
    same(id, v.id, 'id');
    assert.equal(swarm.search(id, v.searched_work, BigInt(v.searched_from)), BigInt(v.stamp));
    const s = swarm.strength(id, BigInt(v.stamp));
    same(s, v.strength, 'strength');
    assert.equal(swarm.work(s), v.work);
    same(sha3_256(swarm.item(v.kind, hex(v.key), v.hour, content, BigInt(v.stamp))), v.encoding_sha3, 'encoding');
  }
});

test('requests', () => {
  for (const v of vectors('swarm.json').requests) {
    const body = hex(v.body);
    assert.deepEqual(encode(decode(body)), body);
    if (!v.mailbox_seed) {
      same(swarm.request(v.verb, body), v.request, v.name);
      continue;
    }
    const key = nodes.signer(hex(v.mailbox_seed));
    same(swarm.mailbox(key.public), v.mailbox, 'mailbox');
    const owner = { key, node: hex(v.node), challenge: hex(v.challenge), nonce: hex(v.nonce) };
    same(swarm.signedBytes(owner.node, owner.challenge, owner.nonce, v.verb, body), v.signed, 'signed bytes');
    same(swarm.request(v.verb, body, owner), v.request, v.name);
  }
});

test('the set of a pair of nodes', () => {
  const [a, b, name] = vectors('swarm.json').pair;
  same(swarm.pair(hex(a), hex(b)), name);
  same(swarm.pair(hex(b), hex(a)), name);
});
