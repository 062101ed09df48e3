#!/usr/bin/env node
// Writes out/signature.json for script/Deploy.s.sol: a fresh ML-DSA-87 key of
// @noble/post-quantum, a message, and its signature.
import { mkdirSync, writeFileSync } from "node:fs";
import { ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";

const hex = (b) => "0x" + Buffer.from(b).toString("hex");
const message = new TextEncoder().encode(process.argv[2] ?? "signed outside of the chain");
const { publicKey, secretKey } = ml_dsa87.keygen();
const sig = ml_dsa87.sign(message, secretKey);

mkdirSync(new URL("../out/", import.meta.url), { recursive: true });
writeFileSync(
  new URL("../out/signature.json", import.meta.url),
  JSON.stringify({ pk: hex(publicKey), message: hex(message), sig: hex(sig) }, null, 2) + "\n",
);
