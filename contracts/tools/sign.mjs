#!/usr/bin/env node
// Signs for the tests of node/: what a person's own machine would do. Keys come
// from fixed seeds, so that every run of this program has the same. Prints 0x and
// hexadecimal digits, as forge's ffi reads them.
//   sign.mjs mldsa-key NAME                  an ML-DSA-87 public key
//   sign.mjs mldsa NAME MESSAGE CONTEXT      a signature
//   sign.mjs ring N                          N keys on edwards25519, joined
//   sign.mjs lsag N AT MESSAGE               key image, then an LSAG signature
//   sign.mjs frost-key SUITE                 the key of a group of 2 of 3
//   sign.mjs frost SUITE MESSAGE A B         a signature by members A and B
//   sign.mjs feed NAME TEMPLATE TIME VALUE   an airnode's account, then its
//                                            signature of a feed's value
// Byte strings are in hexadecimal; the FROST and ring halves are those of
// spec/check.
import { randomBytes, createHash } from "node:crypto";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";
import * as ring from "../../spec/check/ring.mjs";
import { suites } from "../../spec/check/frost.mjs";

const bytes = (s) => Uint8Array.from(Buffer.from(s.replace(/^0x/, ""), "hex"));
const seed = (name, n = 32) => new Uint8Array(createHash("shake256", { outputLength: n }).update(`pars node test ${name}`).digest());
const scalar = (b) => b.map((x, i) => (i === 31 ? x & 0x0f : x)); // below the order of edwards25519

const mldsa = (name) => ml_dsa87.keygen(seed(name));
const ringKeys = (n) => Array.from({ length: n }, (_, i) => ring.publicKey(scalar(seed(`ring ${i}`))));

// A dealer's group with everything fixed, and fresh nonces for every signature.
function frostGroup(suite) {
  const F = suites[suite - 1];
  let counter = 0;
  const fixed = (n) => seed(`frost ${suite} ${counter++}`, n);
  return { F, deal: F.trustedDealer({ min: 2, max: 3 }, undefined, undefined, fixed) };
}

// A beacon's update as Airnodes sign it.
function feed(name, template, time, value) {
  const secret = seed(`feed ${name}`);
  const word = (n) => bytes(BigInt(n).toString(16).padStart(64, "0"));
  const inner = keccak_256(Buffer.concat([bytes(template), word(time), word(value)]));
  const hash = keccak_256(Buffer.concat([Buffer.from("\x19Ethereum Signed Message:\n32"), inner]));
  const [recovery, ...rs] = secp256k1.sign(hash, secret, { prehash: false, format: "recovered" });
  const account = keccak_256(secp256k1.getPublicKey(secret, false).slice(1)).slice(12);
  return Buffer.concat([account, Buffer.from(rs), Buffer.from([27 + recovery])]);
}

const commands = {
  feed,
  "mldsa-key": (name) => mldsa(name).publicKey,
  mldsa: (name, message, context) => ml_dsa87.sign(bytes(message), mldsa(name).secretKey, { context: bytes(context) }),
  ring: (n) => Buffer.concat(ringKeys(Number(n))),
  lsag: (n, at, message) => {
    const random = Array.from({ length: Number(n) }, () => scalar(new Uint8Array(randomBytes(32))));
    const keys = ringKeys(Number(n));
    const made = ring.signLSAG(keys, Number(at), scalar(seed(`ring ${at}`)), bytes(message), scalar(new Uint8Array(randomBytes(32))), random);
    return Buffer.concat([made.image, made.signature]);
  },
  "frost-key": (suite) => frostGroup(Number(suite)).deal.public.commitments[0],
  frost: (suite, message, ...signers) => {
    const { F, deal } = frostGroup(Number(suite));
    const ids = signers.map((n) => F.Identifier.fromNumber(Number(n)));
    const made = ids.map((id) => F.commit(deal.secretShares[id]));
    const list = made.map((m) => m.commitments);
    const shares = {};
    ids.forEach((id, i) => (shares[id] = F.signShare(deal.secretShares[id], deal.public, made[i].nonces, list, bytes(message))));
    return F.aggregate(deal.public, list, bytes(message), shares);
  },
};

const [name, ...args] = process.argv.slice(2);
if (!commands[name]) {
  console.error(`sign.mjs: ${name} is none of ${Object.keys(commands).join(", ")}`);
  process.exit(2);
}
process.stdout.write("0x" + Buffer.from(commands[name](...args)).toString("hex"));
