// ECIES as spec/ecies.md has it, over noble's secp256k1 and AES.
import { ctr } from '@noble/ciphers/aes.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { concatBytes, equalBytes, numberToBytesBE } from '@noble/curves/utils.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';

function keys(secret, point, ephemeral) {
  const Z = secp256k1.getSharedSecret(secret, point).subarray(1);
  const block = (i) => sha256(concatBytes(Z, numberToBytesBE(i, 4), ephemeral));
  return [block(1), block(2)];
}

const tagOf = (key, em, info) => hmac(sha256, key, concatBytes(em, info, numberToBytesBE(info.length, 8)));
const cipher = (key, data) => (data.length === 0 ? data : ctr(key, new Uint8Array(16)).encrypt(data));

export function seal(recipient, ephemeral, info, plaintext) {
  const R = secp256k1.getPublicKey(ephemeral, true);
  const [enc, mac] = keys(ephemeral, recipient, R);
  const em = cipher(enc, plaintext);
  return concatBytes(R, em, tagOf(mac, em, info));
}

export function open(secret, info, sealed) {
  const [R, em, tag] = [sealed.subarray(0, 33), sealed.subarray(33, -32), sealed.subarray(-32)];
  const [enc, mac] = keys(secret, R, R);
  if (!equalBytes(tagOf(mac, em, info), tag)) return null;
  return cipher(enc, em);
}
