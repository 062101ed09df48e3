// spec/nodes.md, written from its text.

import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { sha3_256 } from '@noble/hashes/sha3.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { ml_dsa87 } from '@noble/post-quantum/ml-dsa.js';
import { concat, decode, encode } from './cbor.mjs';
import { kemPair, suite, sum, verify } from './identity.mjs';

/** signer makes composite signatures with a seed of 64 bytes. */
export const signer = (seed) => {
  const pq = ml_dsa87.keygen(seed.slice(0, 32));
  const classical = seed.slice(32);
  return {
    public: concat([pq.publicKey, ed25519.getPublicKey(classical)]),
    sign: (context, msg) => {
      const c = utf8ToBytes(context);
      const prefixed = concat([utf8ToBytes('pars ed25519 v1'), Uint8Array.of(c.length), c, msg]);
      return concat([ml_dsa87.sign(msg, pq.secretKey, { context: c, extraEntropy: false }), ed25519.sign(prefixed, classical)]);
    },
  };
};

export const nodeID = (key) => sum('pars node id v1', suite, key);

const varint = (n) => {
  const out = [];
  for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) | 128);
  return Uint8Array.from([...out, n]);
};

const base58 = (bytes) => {
  const letters = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  let n = bytes.reduce((v, b) => (v << 8n) | BigInt(b), 0n);
  let out = '';
  for (; n > 0n; n /= 58n) out = letters[Number(n % 58n)] + out;
  for (const b of bytes) {
    if (b !== 0) break;
    out = letters[0] + out;
  }
  return out;
};

/** peerID is libp2p's: the SHA2-256 multihash of the key in its protobuf envelope. */
export const peerID = (key) =>
  base58(concat([Uint8Array.of(0x12, 32), sha256(concat([Uint8Array.of(8), varint(0x5051), Uint8Array.of(0x12), varint(key.length), key]))]));

export const epochOf = (unix) => Math.floor(unix / 2592000);
export const openRandomness = (network, epoch) => sum('pars open epoch v1', network, epoch);
export const position = (epoch, randomness, id) => sum('pars node position v1', epoch, randomness, id);

const context = 'pars node record v1';

/** body is what a record's signature covers. */
export const body = (r) =>
  encode([suite, r.network, r.key, r.onion, r.onionExpires, r.addresses, r.services, r.epoch, r.randomness, r.seq, r.expires]);

/** sign makes a record. */
export const sign = (key, r) => {
  const data = body({ ...r, key: key.public });
  return encode([1, data, key.sign(context, data)]);
};

/** open verifies a record. */
export const open = (raw) => {
  if (raw.length > 12288) throw new Error('too long');
  const [version, data, signature] = decode(raw);
  if (version !== 1) throw new Error('version');
  const [s, network, key, onion, onionExpires, addresses, services, epoch, randomness, seq, expires] = decode(data);
  if (s !== suite) throw new Error('suite');
  if (!verify(key, context, data, signature)) throw new Error('signature');
  return { network, key, onion, onionExpires, addresses, services, epoch, randomness, seq, expires };
};

export const onionKey = (seed) => kemPair(seed).public;

/** digest is that of a directory: its records in the order of their nodes' IDs. */
export const digest = (records) => sha3_256(concat(records.map((r) => sha3_256(r))));
