#!/usr/bin/env node
// An outside implementation for tests: @noble/post-quantum. Reads one JSON
// request a line from standard input and answers each on a line of standard
// output. Byte strings are in hex. A request names a set and a seed, and
//   for signatures, {"set": "ml_dsa87", "seed", "message", "context"}, answered
//   by {"pk", "sk", "sig"}, signed deterministically;
//   for key encapsulation, {"set": "ml_kem512", "seed", "m"}, answered by
//   {"pk", "sk", "ct", "ss"}.
import { createInterface } from "node:readline";
import * as dsa from "@noble/post-quantum/ml-dsa.js";
import * as kem from "@noble/post-quantum/ml-kem.js";
import * as slh from "@noble/post-quantum/slh-dsa.js";

const sets = { ...dsa, ...kem, ...slh };
const fromHex = (s) => Uint8Array.from(Buffer.from(s ?? "", "hex"));
const toHex = (b) => Buffer.from(b).toString("hex");

function answer(request) {
  const scheme = sets[request.set];
  if (!scheme) throw new Error(`unknown set ${request.set}, want one of ${Object.keys(sets)}`);
  const { publicKey, secretKey } = scheme.keygen(fromHex(request.seed));
  const keys = { pk: toHex(publicKey), sk: toHex(secretKey) };
  if (scheme.encapsulate) {
    const { cipherText, sharedSecret } = scheme.encapsulate(publicKey, fromHex(request.m));
    return { ...keys, ct: toHex(cipherText), ss: toHex(sharedSecret) };
  }
  const options = { context: fromHex(request.context), extraEntropy: false };
  return { ...keys, sig: toHex(scheme.sign(fromHex(request.message), secretKey, options)) };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\n");
}
