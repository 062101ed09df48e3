// spec/identity.md, written from its text.

import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { argon2id } from '@noble/hashes/argon2.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { sha3_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { ml_dsa87 } from '@noble/post-quantum/ml-dsa.js';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { mnemonicToSeedSync } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { concat, decode, encode } from './cbor.mjs';

export const suite = 1;
export const sum = (label, ...fields) => sha3_256(encode([label, ...fields]));
export const derive = (secret, salt, info, n) =>
  hkdf(sha512, secret, typeof salt === 'string' ? utf8ToBytes(salt) : salt, typeof info === 'string' ? utf8ToBytes(info) : info, n);
export const equal = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
const be = (n, size) => Uint8Array.from({ length: size }, (_, i) => Number((BigInt(n) >> BigInt(8 * (size - 1 - i))) & 255n));
export const uint32 = (n) => be(n, 4);

/** kemPair makes a key-agreement pair of its 96-byte seed. */
export const kemPair = (seed) => {
  const x = seed.slice(0, 32);
  const pq = ml_kem1024.keygen(seed.slice(32));
  return { x, pq: pq.secretKey, public: concat([x25519.getPublicKey(x), pq.publicKey]) };
};

/** accountSeed derives the 160 bytes of an account from its phrase. */
export const accountSeed = (phrase) => {
  const seed = mnemonicToSeedSync(phrase, '');
  return concat([
    ['ml-dsa-87', 32],
    ['ed25519', 32],
    ['x25519', 32],
    ['ml-kem-1024', 64],
  ].map(([info, n]) => derive(seed, 'pars account v1', info, n)));
};

/** account returns the public keys of an account's seed. */
export const account = (seed) => ({
  signing: concat([ml_dsa87.keygen(seed.slice(0, 32)).publicKey, ed25519.getPublicKey(seed.slice(32, 64))]),
  agreement: kemPair(seed.slice(64)).public,
});

export const rawID = (signing, agreement) =>
  sum('pars session id v1', suite, signing.slice(2592), signing.slice(0, 2592), agreement.slice(0, 32), agreement.slice(32));
export const sessionID = (raw) => '07' + bytesToHex(raw);
export const parseID = (text) => hexToBytes(text.slice(2));

/** safety returns words and both spellings of the numbers for two Session IDs. */
export const safety = (a, b) => {
  const [low, high] = [parseID(a), parseID(b)].sort((x, y) => (bytesToHex(x) < bytesToHex(y) ? -1 : 1));
  const label = 'pars safety words v1';
  const out = argon2id(sum(label, low, high), utf8ToBytes(label), { t: 3, m: 65536, p: 1, dkLen: 96 });
  const bits = [...out.slice(0, 17)].map((x) => x.toString(2).padStart(8, '0')).join('');
  const words = Array.from({ length: 12 }, (_, i) => wordlist[parseInt(bits.slice(11 * i, 11 * i + 11), 2)]).join(' ');
  const digits = Array.from({ length: 8 }, (_, i) => {
    const n = BigInt('0x' + bytesToHex(out.slice(32 + 8 * i, 40 + 8 * i)));
    return String(n % 100000n).padStart(5, '0');
  }).join(' ');
  return { words, digits, persian: digits.replace(/\d/g, (d) => '۰۱۲۳۴۵۶۷۸۹'[d]) };
};

/** verify checks a composite signature of crypto/sign. */
export const verify = (pub, context, msg, sig) => {
  const ctx = utf8ToBytes(context);
  const edMessage = concat([utf8ToBytes('pars ed25519 v1'), Uint8Array.of(ctx.length), ctx, msg]);
  return ed25519.verify(sig.slice(4627), edMessage, pub.slice(2592)) && ml_dsa87.verify(sig.slice(0, 4627), msg, pub.slice(0, 2592), { context: ctx });
};

export const shortID = (label, key) => sum(label, suite, key).slice(0, 16);
export const deviceID = (key) => shortID('pars device v1', key);
export const prekeyID = (key) => shortID('pars prekey v1', key);

/** openBundle parses a bundle and verifies it; it throws on anything wrong. */
export const openBundle = (raw, unix, grace = 0) => {
  const [version, bodyBytes, signature] = decode(raw);
  const [bodySuite, signing, agreement, issued, expires, devices, mailbox] = decode(bodyBytes);
  if (version !== 1 || bodySuite !== suite) throw new Error('unknown version or suite');
  if (!verify(signing, 'pars bundle v1', bodyBytes, signature)) throw new Error('wrong signature');
  if (issued > unix + 86400 || unix >= expires + grace || expires <= issued || expires - issued > 35 * 86400) throw new Error('wrong time');
  if (devices.length < 1 || devices.length > 8) throw new Error('wrong number of devices');
  const id = rawID(signing, agreement);
  return {
    id,
    issued,
    expires,
    mailbox,
    devices: devices.map(([key, signed, oneTime]) => ({ id: deviceID(key), key, signed, oneTime })),
  };
};

/** readCard finds the bundle in the text of a contact card. */
export const readCard = (text) => {
  const m = /\[pars contact card 1: (\d+) bytes, check ([0-9a-f]{8})\]([\sA-Za-z0-9+/]*)\[end of pars contact card\]/.exec(text);
  if (!m) throw new Error('no card');
  const raw = new Uint8Array(Buffer.from(m[3].replace(/\s/g, ''), 'base64'));
  if (raw.length !== Number(m[1]) || bytesToHex(sha3_256(raw).slice(0, 4)) !== m[2]) throw new Error('altered card');
  return raw;
};

const base32 = (text) => {
  const out = [];
  let bits = 0;
  let n = 0;
  for (const c of text) {
    n = (n << 5) | 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push((n >> bits) & 255);
    }
    n &= (1 << bits) - 1;
  }
  return Uint8Array.from(out);
};

const crc32 = (b) => {
  let c = ~0;
  for (const x of b) {
    c ^= x;
    for (let k = 0; k < 8; k++) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0);
  }
  return ~c >>> 0;
};

/** readFrames joins the frames of a card, in any order. */
export const readFrames = (texts) => {
  const parts = [];
  let card;
  let total;
  for (const text of texts) {
    if (!text.startsWith('PARS-CARD:')) throw new Error('no frame');
    const f = base32(text.slice(10));
    const view = new DataView(f.buffer);
    if (f[0] !== 1 || view.getUint32(f.length - 4) !== crc32(f.slice(0, -4))) throw new Error('damaged frame');
    card = bytesToHex(f.slice(1, 5));
    total = view.getUint16(7);
    parts[view.getUint16(5)] = f.slice(9, -4);
  }
  const raw = concat(parts);
  if (parts.length !== total || bytesToHex(sha3_256(raw).slice(0, 4)) !== card) throw new Error('frames are missing or mixed');
  return raw;
};

export const slot = (id, week) => sum('pars bundle slot v1', id, week);

/** openSealed decrypts what lies in the slot of an account in a week. */
export const openSealed = (id, week, sealed) => {
  if (![16384, 32768, 65536].includes(sealed.length) || sealed[0] !== 1) throw new Error('no sealed bundle');
  const key = derive(id, 'pars bundle seal v1', concat([utf8ToBytes('key'), be(week, 8)]), 32);
  const plain = xchacha20poly1305(key, sealed.slice(1, 25), slot(id, week)).decrypt(sealed.slice(25));
  return unpad(plain);
};

/** unpad returns what a 4-byte length says, and throws if anything but zeros follows. */
export const unpad = (b) => {
  const n = new DataView(b.buffer, b.byteOffset).getUint32(0);
  if (n > b.length - 4 || b.slice(4 + n).some((x) => x !== 0)) throw new Error('wrong padding');
  return b.slice(4, 4 + n);
};

export const pad = (data, size) => concat([uint32(data.length), data, new Uint8Array(size - 4 - data.length)]);
