#!/usr/bin/env node
// Makes a fresh ML-DSA-87 key of @noble/post-quantum, signs a message with it,
// and prints all three as shell variables for script/Deploy.s.sol:
//   eval "$(node tools/signature.mjs "a message")"
import { ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";

const hex = (b) => "0x" + Buffer.from(b).toString("hex");
const message = new TextEncoder().encode(process.argv[2] ?? "signed outside of the chain");
const { publicKey, secretKey } = ml_dsa87.keygen();
const sig = ml_dsa87.sign(message, secretKey);

console.log(`export MLDSA_PK=${hex(publicKey)}`);
console.log(`export MLDSA_MESSAGE=${hex(message)}`);
console.log(`export MLDSA_SIG=${hex(sig)}`);
