#!/usr/bin/env node
// An outside implementation for tests: @noble/post-quantum. Reads one JSON
// request a line from standard input, each like
//   {"set": "ml_dsa87", "seed": "<64 hex digits>", "message": "<hex>", "context": "<hex>"}
// and answers each with {"pk", "sk", "sig"} in hex on a line of standard output.
import { createInterface } from "node:readline";
import { ml_dsa44, ml_dsa65, ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";

const sets = { ml_dsa44, ml_dsa65, ml_dsa87 };
const fromHex = (s) => Uint8Array.from(Buffer.from(s ?? "", "hex"));
const toHex = (b) => Buffer.from(b).toString("hex");

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const scheme = sets[request.set];
  if (!scheme) throw new Error(`unknown set ${request.set}, want one of ${Object.keys(sets)}`);
  const { publicKey, secretKey } = scheme.keygen(fromHex(request.seed));
  const sig = scheme.sign(fromHex(request.message), secretKey, {
    context: fromHex(request.context),
    extraEntropy: false,
  });
  process.stdout.write(JSON.stringify({ pk: toHex(publicKey), sk: toHex(secretKey), sig: toHex(sig) }) + "\n");
}
