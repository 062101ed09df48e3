#!/usr/bin/env node
// Outside implementations for the tests of crypto/outside: one JSON request a
// line on standard input, {"op": NAME, "in": [...]}, one JSON answer a line on
// standard output. Byte strings are in hex, field elements in decimal, lists are lists.
import { createInterface } from 'node:readline';
import { bn254 } from '@noble/curves/bn254.js';
import { hash_to_field } from '@noble/curves/abstract/hash-to-curve.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import * as starknet from '@scure/starknet';
import * as poseidon from 'poseidon-lite';
import * as ecies from './ecies.mjs';
import { suites as frost } from './frost.mjs';
import * as ring from './ring.mjs';

const raw = (x) => (Array.isArray(x) ? x.map(raw) : hexToBytes(x));
const attempt = (f) => {
  try {
    return f();
  } catch {
    return false; // noble throws at what is malformed
  }
};

// The map of Shallue and van de Woestijne to y^2 = x^3 + 3 (RFC 9380, section
// 6.6.1, with Z = 1), which noble has no name for.
const { Fp } = bn254.fields;
const g = (x) => Fp.add(Fp.mul(Fp.sqr(x), x), 3n);
const isSquare = (x) => x === 0n || Fp.pow(x, (Fp.ORDER - 1n) / 2n) === 1n;
function mapToCurve(u) {
  const c1 = g(1n);
  const c2 = Fp.div(Fp.neg(1n), 2n);
  let c3 = Fp.sqrt(Fp.mul(Fp.neg(c1), 3n));
  if (c3 & 1n) c3 = Fp.neg(c3);
  const c4 = Fp.div(Fp.mul(Fp.neg(4n), c1), 3n);
  const t = Fp.mul(Fp.sqr(u), c1);
  const [plus, minus] = [Fp.add(1n, t), Fp.sub(1n, t)];
  const product = Fp.mul(plus, minus);
  const inverse = product === 0n ? 0n : Fp.inv(product);
  const v = Fp.mul(Fp.mul(Fp.mul(u, minus), inverse), c3);
  const x1 = Fp.sub(c2, v);
  const x2 = Fp.add(c2, v);
  const x3 = Fp.add(1n, Fp.mul(Fp.sqr(Fp.mul(Fp.sqr(plus), inverse)), c4));
  const x = isSquare(g(x1)) ? x1 : isSquare(g(x2)) ? x2 : x3;
  let y = Fp.sqrt(g(x));
  if ((y & 1n) !== (u & 1n)) y = Fp.neg(y);
  return bn254.G1.Point.fromAffine({ x, y });
}
function hashToG1(message, tag) {
  const options = { DST: tag, expand: 'xmd', hash: sha256, p: Fp.ORDER, m: 1, k: 128 };
  const [[a], [b]] = hash_to_field(new TextEncoder().encode(message), 2, options);
  return mapToCurve(a).add(mapToCurve(b));
}
const times = (p, n) => (n === 0n ? bn254.G1.Point.ZERO : p.multiplyUnsafe(n));
let H;

const ops = {
  poseidonBN254: (...inputs) => poseidon[`poseidon${inputs.length}`](inputs.map(BigInt)).toString(),
  poseidonStark: (x, y) => starknet.poseidonHash(BigInt(x), BigInt(y)).toString(),
  poseidonStarkMany: (...inputs) => starknet.poseidonHashMany(inputs.map(BigInt)).toString(),
  pedersenStark: (x, y) => BigInt(starknet.pedersen(BigInt(x), BigInt(y))).toString(),
  commitBN254: (seed, tag, v, r) => {
    H ??= hashToG1(seed, tag);
    const { x, y } = times(bn254.G1.Point.BASE, BigInt(v)).add(times(H, BigInt(r))).toAffine();
    return [x.toString(), y.toString()];
  },
  frostVerify: (suite, key, message, sig) => attempt(() => frost[suite - 1].verify(raw(sig), raw(message), raw(key))),
  frostVerifyShare: (suite, key, publics, list, message, id, share) => {
    const F = frost[suite - 1];
    const name = (n) => F.Identifier.fromNumber(n);
    const pub = { signers: { min: 2, max: 3 }, commitments: [raw(key)], verifyingShares: {} };
    publics.forEach((p, i) => (pub.verifyingShares[name(i + 1)] = raw(p)));
    const commitments = list.map(([n, hiding, binding]) => ({ identifier: name(n), hiding: raw(hiding), binding: raw(binding) }));
    return attempt(() => F.verifyShare(pub, commitments, raw(message), name(id), raw(share)));
  },
  hashToPoint: (key) => bytesToHex(ring.hashToPoint(raw(key)).toBytes()),
  keyImage: (secret) => bytesToHex(ring.keyImage(raw(secret))),
  signLSAG: (keys, at, secret, message, alpha, s) => {
    const { image, signature } = ring.signLSAG(raw(keys), at, raw(secret), raw(message), raw(alpha), raw(s));
    return [bytesToHex(image), bytesToHex(signature)];
  },
  verifyLSAG: (keys, image, message, sig) => attempt(() => ring.verifyLSAG(raw(keys), raw(image), raw(message), raw(sig))),
  signCLSAG: (keys, cs, offset, at, secret, opening, message, alpha, s) =>
    bytesToHex(ring.signCLSAG(raw(keys), raw(cs), raw(offset), at, raw(secret), raw(opening), raw(message), raw(alpha), raw(s))),
  verifyCLSAG: (keys, cs, offset, message, sig) => attempt(() => ring.verifyCLSAG(raw(keys), raw(cs), raw(offset), raw(message), raw(sig))),
  eciesSeal: (key, ephemeral, info, plaintext) => bytesToHex(ecies.seal(raw(key), raw(ephemeral), raw(info), raw(plaintext))),
  eciesOpen: (secret, info, sealed) => {
    const opened = attempt(() => ecies.open(raw(secret), raw(info), raw(sealed)));
    return opened ? bytesToHex(opened) : opened; // null or false: refused
  },
  ecdsaSign: (secret, digest) => [bytesToHex(secp256k1.getPublicKey(raw(secret), true)), bytesToHex(secp256k1.sign(raw(digest), raw(secret), { prehash: false, lowS: true }))],
  ecdsaVerify: (key, digest, sig) => attempt(() => secp256k1.verify(raw(sig), raw(digest), raw(key), { prehash: false, lowS: true })),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { op, in: args } = JSON.parse(line);
  if (!ops[op]) throw new Error(`unknown op ${op}, want one of ${Object.keys(ops)}`);
  process.stdout.write(JSON.stringify(ops[op](...args)) + '\n');
}
