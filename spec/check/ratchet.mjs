// spec/ratchet.md, written from its text.

import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { concat, encode } from './cbor.mjs';
import { derive, kemPair, pad, sum, uint32, unpad } from './identity.mjs';

const label = (name) => (name ? `pars ratchet v1 ${name}` : 'pars ratchet v1');
const none = new Uint8Array(0);
const parts = (b, ...lengths) => lengths.map((n, i) => b.slice(lengths.slice(0, i).reduce((x, y) => x + y, 0)).slice(0, n));
const info = (name, hash) => concat([utf8ToBytes(label(name)), hash]);

export class OutOfStep extends Error {}
export class Refused extends Error {}

/** start is one side's state after a set-up. */
export const start = (v, initiator, beganMs) => {
  const [rk, ck0, hk2, mA, mB] = parts(derive(v.root, label(), info('start', v.transcript), 160), 32, 32, 32, 32, 32);
  const b = kemPair(v.seedResponder);
  const common = { initiator, index: 0, hash: v.transcript, rk, kemAt: Math.floor(beganMs / 1000), kemCount: 0, week: Math.floor(beganMs / 604800000), skipped: [] };
  const chain0 = { header: v.fromResponder, ck: ck0, number: 0, previous: 0 };
  return initiator
    ? { ...common, peerDH: b.public.slice(0, 32), peerKEM: b.public.slice(32), send: { number: 0 }, receive: { ...chain0, index: 0 }, nextSend: v.fromInitiator, nextReceive: hk2, markers: [mA, mB] }
    : { ...common, dh: b.x, pq: b.pq, send: { ...chain0, index: 0, dh: b.public.slice(0, 32), kem: none }, nextSend: hk2, nextReceive: v.fromInitiator, markers: [mB, mA] };
};

const step = (s, dh, kem, secrets) => {
  s.hash = sum(label('step'), s.hash, dh, kem);
  const [rk, ck, header] = parts(derive(concat(secrets), s.rk, info('root', s.hash), 96), 32, 32, 32);
  s.rk = rk;
  s.index++;
  return { ck, header };
};

const message = (chain) => {
  const [ck, mk] = parts(derive(chain.ck, '', label('chain'), 64), 32, 32);
  chain.ck = ck;
  chain.number++;
  return mk;
};

const marker = (key, weeks) => {
  for (let i = 0; i < weeks; i++) key = derive(key, '', label('marker'), 32);
  return key;
};

const kemKey = (header, nonce) => derive(header, nonce, label('kem'), 32);
const copy = (s) => ({ ...s, send: { ...s.send }, receive: s.receive && { ...s.receive }, skipped: s.skipped.map((c) => ({ ...c, keys: new Map(c.keys) })) });

/** encrypt returns the envelope and the next state. */
export const encrypt = (old, random, unix, mailbox, expiryHour, payload) => {
  const s = copy(old);
  const take = (n) => {
    const out = random.slice(0, n);
    random = random.slice(n);
    return out;
  };
  if (s.initiator === (s.index % 2 === 0)) {
    const x = take(32);
    const secrets = [x25519.getSharedSecret(x, s.peerDH)];
    let kem = none;
    if (s.peerKEM && (s.index < 2 || s.kemCount >= 20 || unix - s.kemAt >= 3600)) {
      const { cipherText, sharedSecret } = ml_kem1024.encapsulate(s.peerKEM, take(32));
      const own = ml_kem1024.keygen(take(64));
      kem = concat([cipherText, own.publicKey]);
      secrets.push(sharedSecret);
      Object.assign(s, { pq: own.secretKey, peerKEM: null, kemAt: unix, kemCount: 0 });
    }
    const dh = x25519.getPublicKey(x);
    const { ck, header } = step(s, dh, kem, secrets);
    s.send = { header: s.nextSend, ck, number: 0, previous: s.send.number, index: s.index, dh, kem };
    Object.assign(s, { nextSend: header, dh: x, peerDH: null });
  }
  const c = s.send;
  const size = [8192, 16384, 32768, 65536].find((n) => n >= 44 + 24 + 57 + 24 + 3152 + 4 + payload.length + 16);
  const nonce = take(24);
  if (random.length) throw new Error('too much randomness');
  let out = concat([encode([1, mailbox, expiryHour, new Uint8Array(size - 44)]).slice(0, 44), nonce]);
  const box = (key, plain) => {
    out = concat([out, xchacha20poly1305(key, nonce, out).encrypt(plain)]);
  };
  box(c.header, concat([c.dh, uint32(c.previous), uint32(c.number), Uint8Array.of(c.kem.length ? 1 : 0)]));
  box(marker(s.markers[0], Math.floor(unix / 604800) - s.week), concat([uint32(c.index), uint32(c.number)]));
  if (c.kem.length) box(kemKey(c.header, nonce), c.kem);
  const mk = message(c);
  s.kemCount++;
  box(mk, pad(payload, size - out.length - 16));
  return [out, s];
};

const attempt = (f) => {
  try {
    return f();
  } catch {
    return null;
  }
};

const opened = (key, nonce, data, box) => attempt(() => xchacha20poly1305(key, nonce, data).decrypt(box));

/** skipTo puts keys of the peer's latest chain aside. */
const skipTo = (s, number) => {
  const c = s.receive;
  if (c.number === number) return;
  if (number - c.number > 10000) throw new OutOfStep();
  let kept = s.skipped.find((k) => k.index === c.index);
  if (!kept) s.skipped.push((kept = { index: c.index, header: c.header, keys: new Map() }));
  while (c.number < number) kept.keys.set(c.number, message(c));
};

/** decrypt returns the payload and the next state. */
export const decrypt = (old, unix, raw) => {
  const s = copy(old);
  const nonce = raw.slice(44, 68);
  const tryHeader = (key) => {
    const plain = opened(key, nonce, raw.slice(0, 68), raw.slice(68, 125));
    if (!plain) return null;
    const view = new DataView(plain.buffer, plain.byteOffset);
    return { dh: plain.slice(0, 32), previous: view.getUint32(32), number: view.getUint32(36), flag: plain[40], key };
  };
  const taken = (index, number) => {
    const c = s.skipped.find((k) => k.index === index);
    const mk = c?.keys.get(number);
    if (!mk) throw new OutOfStep();
    c.keys.delete(number);
    if (!c.keys.size) s.skipped = s.skipped.filter((k) => k !== c);
    return mk;
  };
  const kemOf = (h) => {
    if (!h.flag) return none;
    const plain = opened(kemKey(h.key, nonce), nonce, raw.slice(0, 149), raw.slice(149, 149 + 3152));
    if (!plain) throw new Refused();
    return plain;
  };
  let h;
  let mk;
  let kem;
  if (s.receive && (h = tryHeader(s.receive.header))) {
    kem = kemOf(h);
    if (h.number < s.receive.number) mk = taken(s.receive.index, h.number);
  } else if (s.initiator === (s.index % 2 === 1) && (h = tryHeader(s.nextReceive))) {
    kem = kemOf(h);
    if (s.receive) {
      if (h.previous < s.receive.number) throw new OutOfStep();
      skipTo(s, h.previous);
    }
    const secrets = [x25519.getSharedSecret(s.dh, h.dh)];
    if (kem.length) {
      secrets.push(ml_kem1024.decapsulate(kem.slice(0, 1568), s.pq));
      Object.assign(s, { pq: null, peerKEM: kem.slice(1568), kemAt: unix, kemCount: 0 });
    }
    const { ck, header } = step(s, h.dh, kem, secrets);
    s.receive = { header: s.nextReceive, ck, number: 0, index: s.index };
    Object.assign(s, { nextReceive: header, dh: null, peerDH: h.dh });
  } else {
    for (const c of s.skipped) {
      if ((h = tryHeader(c.header))) {
        kem = kemOf(h);
        mk = taken(c.index, h.number);
        break;
      }
    }
  }
  if (!h) {
    for (const week of [-1, 0, 1].map((d) => Math.floor(unix / 604800) + d - s.week)) {
      if (week >= 0 && opened(marker(s.markers[1], week), nonce, raw.slice(0, 125), raw.slice(125, 149))) throw new OutOfStep();
    }
    throw new Refused();
  }
  if (!mk) {
    skipTo(s, h.number);
    mk = message(s.receive);
  }
  const at = 149 + (kem.length ? 3152 : 0);
  const plain = opened(mk, nonce, raw.slice(0, at), raw.slice(at));
  if (!plain) throw new Refused();
  s.kemCount++;
  return [unpad(plain), s];
};
