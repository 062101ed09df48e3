// spec/onion.md, written from its text.

import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { concat } from './cbor.mjs';
import { derive, equal, sum, uint32 } from './identity.mjs';

export const packetSize = 13696;
export const cellSize = 8728;
export const partSize = 8704;
const maxMessage = 8 * partSize;
const headSize = 8 + 32 + 1568 + 16;
const bodySize = packetSize - headSize;
const commandSize = 40;
const shift = commandSize + headSize;
const hops = 3;

const fingerprint = (pub) => sum('pars onion v1 key', pub);
export const keyID = (pub) => fingerprint(pub).slice(0, 8);
const zeros = (n) => new Uint8Array(n);
const number = (b) => new DataView(b.buffer, b.byteOffset).getUint32(0);
export const parts = (n) => Math.max(1, Math.ceil(n / partSize));

/** box is the AEAD of one key, for its i-th use. */
const box = ({ key, nonce }, i = 0) => xchacha20poly1305(key, nonce.with(23, i));
const stream = (k, data, i = 0) => box(k, i).encrypt(data).slice(0, data.length);

/** hopKeys is the key schedule of one packet at one hop. */
const hopKeys = (pub, e, c, dh, shared) => {
  const hash = sum('pars onion v1 hop', fingerprint(pub), e, c);
  const out = derive(concat([dh, shared]), 'pars onion v1', concat([utf8ToBytes('pars onion v1 keys'), hash]), 224);
  const k = (i) => ({ key: out.slice(56 * i, 56 * i + 32), nonce: out.slice(56 * i + 32, 56 * i + 56) });
  return { tag: hash.slice(0, 16), forward: k(0), pad: k(1), origin: k(2), layer: k(3) };
};

/** agree is the sender's side of one hop; random has 64 bytes. */
export const agree = (pub, random) => {
  const secret = random.slice(0, 32);
  const e = x25519.getPublicKey(secret);
  const { cipherText, sharedSecret } = ml_kem1024.encapsulate(pub.slice(32), random.slice(32, 64));
  const keys = hopKeys(pub, e, cipherText, x25519.getSharedSecret(secret, pub.slice(0, 32)), sharedSecret);
  return { head: concat([keyID(pub), e, cipherText]), keys };
};

/** seal makes a packet whose body ends in fill. */
export const seal = ({ head, keys }, plain, fill = zeros(0)) => {
  const open = stream(keys.forward, concat([zeros(bodySize - fill.length), fill]));
  const sealed = box(keys.forward).encrypt(concat([plain.slice(0, bodySize - fill.length), open.slice(bodySize - fill.length)]));
  return concat([head, sealed.slice(bodySize), sealed.slice(0, bodySize)]);
};

const nextFill = (keys, fill) => {
  const after = stream(keys.forward, concat([zeros(bodySize - fill.length), fill]));
  return concat([after.slice(bodySize - fill.length), stream(keys.pad, zeros(shift))]);
};

export const command = (kind, index, of, length, node) => concat([Uint8Array.of(kind, index, of, 0), uint32(length), node]);

/** build makes the packets of a request; path is [{ id, pub }] of three. */
export const build = (random, path, kind, node, request) => {
  if (request.length > maxMessage) throw new Error('too long');
  const n = parts(request.length);
  const packets = [];
  const keys = [];
  for (let i = 0; i < n; i++) {
    const sides = path.map((hop, h) => agree(hop.pub, random.slice(64 * (3 * i + h), 64 * (3 * i + h + 1))));
    const fills = [zeros(0)];
    for (let h = 1; h < hops; h++) fills.push(nextFill(sides[h - 1].keys, fills[h - 1]));
    const data = request.slice(i * partSize, (i + 1) * partSize);
    let plain = concat([command(kind, i, n, request.length, node), data, zeros(bodySize - commandSize - data.length)]);
    let packet;
    for (let h = hops - 1; h >= 0; h--) {
      packet = seal(sides[h], plain, fills[h]);
      if (h > 0) plain = concat([command(1, 0, 0, 0, path[h].id), packet.slice(0, bodySize - commandSize)]);
    }
    packets.push(packet);
    keys.push(sides.map((s) => s.keys));
  }
  return { packets, keys };
};

const canonical = (e) => BigInt('0x' + [...e].reverse().map((b) => b.toString(16).padStart(2, '0')).join('')) < 2n ** 255n - 19n;

/** open takes the layer of a pair off a packet, or throws. */
export const open = (pair, packet) => {
  if (packet.length !== packetSize) throw new Error('wrong size');
  if (!equal(packet.slice(0, 8), keyID(pair.public))) throw new Error('unknown key');
  const e = packet.slice(8, 40);
  const c = packet.slice(40, 1608);
  if (!canonical(e)) throw new Error('refused');
  const keys = hopKeys(pair.public, e, c, x25519.getSharedSecret(pair.x, e), ml_kem1024.decapsulate(c, pair.pq));
  const plain = box(keys.forward).decrypt(concat([packet.slice(headSize), packet.slice(1608, headSize)]));
  const [kind, index, of, zero] = plain;
  const length = number(plain.slice(4));
  const node = plain.slice(8, commandSize);
  const named = node.some((x) => x !== 0);
  if (zero !== 0 || length > maxMessage) throw new Error('refused');
  const rest = plain.slice(commandSize);
  if (kind === 1) {
    if (index || of || length || !named) throw new Error('refused');
    return { kind, keys, node, packet: concat([rest, stream(keys.pad, zeros(shift))]) };
  }
  if (kind < 2 || kind > 4 || named !== (kind === 4) || of !== parts(length) || index >= of) throw new Error('refused');
  return { kind, keys, node, index, of, length, data: rest.slice(0, partSize) };
};

/** join puts parts together, or throws. */
export const join = (list) => {
  const { length } = list[0];
  if (list.length !== parts(length)) throw new Error('wrong number of parts');
  list.forEach((p, i) => {
    if (p.index !== i || p.of !== list.length || p.length !== length) throw new Error('wrong part');
  });
  const whole = concat(list.map((p) => p.data));
  if (whole.slice(length).some((x) => x !== 0)) throw new Error('wrong padding');
  return whole.slice(0, length);
};

const cell = (keys, type, reason, index, of, length, data) =>
  box(keys.origin, index).encrypt(concat([Uint8Array.of(type, reason, index, of), uint32(length), data, zeros(partSize - data.length)]));

export const answer = (keys, body) =>
  Array.from({ length: parts(body.length) }, (_, i) => cell(keys, 0, 0, i, parts(body.length), body.length, body.slice(i * partSize, (i + 1) * partSize)));
export const failure = (keys, reason) => cell(keys, 1, reason, 0, 1, 0, zeros(0));
export const pass = (keys, i, c) => stream(keys.layer, c, i);

/** openCell opens the i-th cell at the client with the keys of the first packet. */
export const openCell = (keys, i, c) => {
  for (let from = 0; from < hops; from++) {
    let plain;
    try {
      plain = box(keys[from].origin, i).decrypt(c);
    } catch {
      c = stream(keys[from].layer, c, i);
      continue;
    }
    const [type, reason, index, of] = plain;
    const length = number(plain.slice(4));
    if (length > maxMessage || index !== i || of !== parts(length) || index >= of) throw new Error('refused');
    if (type === 0 && reason === 0 && from === hops - 1) return { from, index, of, length, data: plain.slice(8) };
    if (type === 1 && reason !== 0 && i === 0 && length === 0) return { from, reason };
    throw new Error('refused');
  }
  throw new Error('refused');
};
