import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import * as chain from './chain.mjs';

const vectors = (name) => JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));
const hex = (s) => hexToBytes(s.replace(/^0x/, ''));
const same = (got, want, what) => assert.equal('0x' + bytesToHex(got), want, what);

test('headers: hash, seal hash and the first broken rule', () => {
  const v = vectors('header.json');
  const parent = chain.header(hex(v.parent));
  const validators = v.validators.map((m) => ({ nodeId: hex(m.nodeId), publicKey: hex(m.publicKey), weight: BigInt(m.weight) }));
  assert.ok(v.cases.length > 50);
  for (const c of v.cases) {
    const h = chain.header(hex(c.header));
    same(h.hash, c.hash, c.name);
    if (c.sealHash) same(chain.sealHash(h), c.sealHash, c.name);
    assert.equal(chain.judge(v.networkId, hex(v.chainId), parent, h, validators), c.result, c.name);
  }
});

test('base fees', () => {
  const { cases } = vectors('basefee.json');
  assert.ok(cases.length > 400);
  for (const c of cases) {
    const got = chain.baseFee(BigInt(c.baseFee), BigInt(c.gasUsed), BigInt(c.gasLimit), BigInt(c.elapsedMs));
    assert.equal(got.toString(), c.childBaseFee, JSON.stringify(c));
  }
});

test('schedules', () => {
  const { cases } = vectors('schedule.json');
  assert.ok(cases.length >= 6);
  for (const c of cases) {
    const seed = chain.seed(hex(c.chainId), c.height, hex(c.parentMix));
    same(seed, c.seed, 'seed');
    const order = chain.order(seed, c.validators.map((m) => ({ nodeId: hex(m.nodeId), weight: BigInt(m.weight) })));
    assert.deepEqual(order.map((m) => '0x' + bytesToHex(m.nodeId)), c.order);
    const opens = Object.values(c.earliestMsAfterParentAt1000).sort((a, b) => a - b);
    assert.deepEqual(opens, order.map((_, rank) => Number(chain.earliest(1000n, rank))));
  }
});

test('the genesis hash is keccak of the file', () => {
  const v = vectors('genesis.json');
  same(chain.keccak(utf8ToBytes(v.file)), v.genesisHash);
});
