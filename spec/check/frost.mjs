// The suites of RFC 9591 in its order, as noble has them.
import { ed25519_FROST, ristretto255_FROST } from '@noble/curves/ed25519.js';
import { ed448_FROST } from '@noble/curves/ed448.js';
import { p256_FROST } from '@noble/curves/nist.js';
import { secp256k1_FROST } from '@noble/curves/secp256k1.js';

export const suites = [ed25519_FROST, ristretto255_FROST, ed448_FROST, p256_FROST, secp256k1_FROST];
