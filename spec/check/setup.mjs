// spec/setup.md, written from its text.

import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { concat, decode, encode } from './cbor.mjs';
import { derive, deviceID, equal, kemPair, openBundle, pad, prekeyID, suite, sum, uint32, unpad } from './identity.mjs';

const label = (name) => (name ? `pars setup v1 ${name}` : 'pars setup v1');
const none = new Uint8Array(0);

/** Schedule is the chaining key and the transcript hash. */
class Schedule {
  chain = utf8ToBytes(label());
  hash = new Uint8Array(32);
  absorb(name, ...fields) {
    this.hash = sum(label(name), this.hash, ...fields);
  }
  mix(name, ...secrets) {
    const out = derive(concat(secrets), this.chain, concat([utf8ToBytes(label(name)), this.hash]), 64 + 32 + 24);
    this.chain = out.slice(0, 64);
    return xchacha20poly1305(out.slice(64, 96), out.slice(96), this.hash);
  }
  export(name) {
    return derive(this.chain, label(), concat([utf8ToBytes(label(name)), this.hash]), 32);
  }
  copy() {
    return Object.assign(new Schedule(), { chain: this.chain, hash: this.hash });
  }
}

/** Random hands out bytes in order. */
class Random {
  constructor(bytes) {
    this.bytes = bytes;
  }
  take(n) {
    if (n > this.bytes.length) throw new Error('too little randomness');
    const out = this.bytes.slice(0, n);
    this.bytes = this.bytes.slice(n);
    return out;
  }
}

const dh = (secret, pub) => x25519.getSharedSecret(secret, pub.slice(0, 32));
const encaps = (pub, random) => ml_kem1024.encapsulate(pub.slice(32), random.take(32));
const decaps = (pair, cipher) => ml_kem1024.decapsulate(cipher, pair.pq);

export const parseEnvelope = (raw) => {
  if (![8192, 16384, 32768, 65536].includes(raw.length)) throw new Error('wrong size');
  const [version, mailbox, hour, sealed] = decode(raw);
  if (version !== 1) throw new Error('wrong version');
  return { mailbox, hour, sealed, header: raw.slice(0, 44) };
};

/** newEnvelope returns the header and how many bytes of ciphertext there are. */
const newEnvelope = (mailbox, unix, ttl, need) => {
  const size = [8192, 16384, 32768, 65536].find((n) => n >= 44 + need);
  const whole = encode([1, mailbox, Math.ceil((unix + ttl) / 3600), new Uint8Array(size - 44)]);
  return { header: whole.slice(0, 44), room: size - 44 };
};

export const encodeMessage = (m) => encode([1, m.kind, m.id, m.conversation, m.sentMs, m.body]);
const decodeMessage = (b) => {
  const [version, kind, id, conversation, sentMs, body] = decode(b);
  if (version !== 1) throw new Error('wrong message version');
  return { kind, id, conversation, sentMs, body };
};

const newAgain = (s, identityBox) => ({ key: s.export('again'), hash: sum(label('again'), s.hash, identityBox) });
const againBox = (again, nonce, header) => xchacha20poly1305(again.key, nonce, sum(label('again'), again.hash, header));

/** initiate makes the first envelope; what it returns besides waits for the answer. */
export const initiate = (randomBytes, unix, alice, bob, oneTime, message, ttl) => {
  const random = new Random(randomBytes);
  const ephemeral = random.take(32);
  const ratchet = kemPair(random.take(96));
  const device = bob.devices[0];
  const toIK = encaps(device.key, random);
  const toSPK = encaps(device.signed, random);
  const toOPK = oneTime ? encaps(oneTime, random) : null;
  const who = encode([alice.bundle, deviceID(alice.device.public), oneTime ? prekeyID(oneTime) : none, toOPK ? toOPK.cipherText : none]);
  const first = encode([ratchet.public, encodeMessage(message)]);
  const fixed = 32 + 1568 + 36 + 1568 + who.length + 16;
  const { header, room } = newEnvelope(bob.mailbox, unix, ttl, fixed + 4 + first.length + 16);

  const s = new Schedule();
  const epk = x25519.getPublicKey(ephemeral);
  s.absorb('address', suite, header, bob.id, device.key, epk, toIK.cipherText);
  const addressBox = s.mix('address', dh(ephemeral, device.key), toIK.sharedSecret).encrypt(concat([prekeyID(device.signed), uint32(who.length + 16)]));
  s.absorb('identity', addressBox, device.signed, toSPK.cipherText);
  const identityBox = s.mix('identity', dh(ephemeral, device.signed), toSPK.sharedSecret).encrypt(who);
  const again = newAgain(s, identityBox);
  s.absorb('message', identityBox, alice.id, alice.device.public, oneTime ?? none, toOPK ? toOPK.cipherText : none);
  const secrets = [dh(alice.device.x, device.signed)];
  if (toOPK) secrets.push(dh(ephemeral, oneTime), toOPK.sharedSecret);
  const messageBox = s.mix('message', ...secrets).encrypt(pad(first, room - fixed - 16));
  s.absorb('pending', messageBox);
  return {
    envelope: concat([header, epk, toIK.cipherText, addressBox, toSPK.cipherText, identityBox, messageBox]),
    tag: sum(label('replay'), epk),
    schedule: s,
    again,
    ratchet,
  };
};

/** accept opens a first envelope with the recipient's private keys. */
export const accept = (raw, unix, bob) => {
  const { header, sealed } = parseEnvelope(raw);
  const epk = sealed.slice(0, 32);
  const cipherIK = sealed.slice(32, 1600);
  const addressBox = sealed.slice(1600, 1636);
  const cipherSPK = sealed.slice(1636, 3204);
  const s = new Schedule();
  s.absorb('address', suite, header, bob.id, bob.device.public, epk, cipherIK);
  const address = s.mix('address', dh(bob.device.x, epk), decaps(bob.device, cipherIK)).decrypt(addressBox);
  if (!equal(address.slice(0, 16), prekeyID(bob.signed.public))) throw new Error('another signed prekey');
  const length = new DataView(address.buffer, address.byteOffset).getUint32(16);
  s.absorb('identity', addressBox, bob.signed.public, cipherSPK);
  const identityBox = sealed.slice(3204, 3204 + length);
  const messageBox = sealed.slice(3204 + length);
  const [bundleRaw, device, oneTime, cipherOPK] = decode(s.mix('identity', dh(bob.signed.x, epk), decaps(bob.signed, cipherSPK)).decrypt(identityBox));
  const again = newAgain(s, identityBox);
  const from = openBundle(bundleRaw, unix, 30 * 86400);
  const sender = from.devices.find((d) => equal(d.id, device));
  if (!sender) throw new Error('the bundle has no such device');
  const opk = oneTime.length ? bob.oneTime : null;
  if (opk && !equal(oneTime, prekeyID(opk.public))) throw new Error('another one-time prekey');
  s.absorb('message', identityBox, from.id, sender.key, opk ? opk.public : none, cipherOPK);
  const secrets = [dh(bob.signed.x, sender.key)];
  if (opk) secrets.push(dh(opk.x, epk), decaps(opk, cipherOPK));
  const [ratchet, message] = decode(unpad(s.mix('message', ...secrets).decrypt(messageBox)));
  s.absorb('pending', messageBox);
  return { from, senderKey: sender.key, message: decodeMessage(message), schedule: s, ratchet, again, tag: sum(label('replay'), epk) };
};

const headerBox = (s, nonce, header) => xchacha20poly1305(s.export('answer header'), nonce, sum(label('answer header'), s.hash, header));

const finish = (s) => ({
  root: s.export('root'),
  fromInitiator: s.export('header key initiator'),
  fromResponder: s.export('header key responder'),
  transcript: s.hash,
});

/** answer makes the envelope that goes back. */
export const answer = (randomBytes, unix, accepted, message, ttl) => {
  const random = new Random(randomBytes);
  const nonce = random.take(24);
  const ratchet = kemPair(random.take(96));
  const toIK = encaps(accepted.senderKey, random);
  const toR = encaps(accepted.ratchet, random);
  const plain = encodeMessage(message);
  const { header, room } = newEnvelope(accepted.from.mailbox, unix, ttl, 24 + 4752 + 4 + plain.length + 16);
  const s = accepted.schedule.copy();
  const first = headerBox(s, nonce, header).encrypt(concat([ratchet.public, toIK.cipherText, toR.cipherText]));
  s.absorb('answer', header, nonce, first, accepted.senderKey, accepted.ratchet, ratchet.public, toIK.cipherText, toR.cipherText);
  const box = s.mix('answer', dh(ratchet.x, accepted.senderKey), toIK.sharedSecret, dh(ratchet.x, accepted.ratchet), toR.sharedSecret);
  const body = box.encrypt(pad(plain, room - 24 - 4752 - 16));
  s.absorb('done', body);
  return { envelope: concat([header, nonce, first, body]), ...finish(s) };
};

/** openAnswer opens it on the side that set up. */
export const openAnswer = (raw, pending, device) => {
  const { header, sealed } = parseEnvelope(raw);
  const nonce = sealed.slice(0, 24);
  const first = sealed.slice(24, 4776);
  const body = sealed.slice(4776);
  const s = pending.schedule.copy();
  const plain = headerBox(s, nonce, header).decrypt(first);
  const [peer, cipherIK, cipherR] = [plain.slice(0, 1600), plain.slice(1600, 3168), plain.slice(3168)];
  s.absorb('answer', header, nonce, first, device.public, pending.ratchet.public, peer, cipherIK, cipherR);
  const box = s.mix('answer', dh(device.x, peer), decaps(device, cipherIK), dh(pending.ratchet.x, peer), decaps(pending.ratchet, cipherR));
  const message = decodeMessage(unpad(box.decrypt(body)));
  s.absorb('done', body);
  return { message, ...finish(s) };
};

/** sealAgain asks the sender of a set-up to make another. */
export const sealAgain = (randomBytes, unix, again, mailbox, message, ttl) => {
  const plain = encodeMessage(message);
  const { header, room } = newEnvelope(mailbox, unix, ttl, 24 + 4 + plain.length + 16);
  return concat([header, randomBytes, againBox(again, randomBytes, header).encrypt(pad(plain, room - 24 - 16))]);
};

export const openAgain = (raw, again) => {
  const { header, sealed } = parseEnvelope(raw);
  return decodeMessage(unpad(againBox(again, sealed.slice(0, 24), header).decrypt(sealed.slice(24))));
};
