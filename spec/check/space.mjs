// spec/space.md, written from its text: links, posts and changes of notes.

import { sha3_256 } from '@noble/hashes/sha3.js';
import { concat, decode, encode } from './cbor.mjs';
import { sum } from './identity.mjs';

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

const base32 = (bytes) => {
  let [bits, n, out] = [0, 0, ''];
  for (const b of bytes) {
    bits = (bits << 8) | b;
    for (n += 8; n >= 5; n -= 5) out += alphabet[(bits >> (n - 5)) & 31];
    bits &= (1 << n) - 1;
  }
  return n > 0 ? out + alphabet[(bits << (5 - n)) & 31] : out;
};

const unbase32 = (text) => {
  let [bits, n] = [0, 0];
  const out = [];
  for (const c of text) {
    const five = alphabet.indexOf(c);
    if (five < 0) throw new Error(`${c} is no character of a link`);
    bits = (bits << 5) | five;
    n += 5;
    if (n >= 8) {
      out.push((bits >> (n - 8)) & 255);
      n -= 8;
      bits &= (1 << n) - 1;
    }
  }
  const bytes = Uint8Array.from(out);
  if (base32(bytes) !== text) throw new Error('not the one text of these bytes');
  return bytes;
};

const size = (text) => new TextEncoder().encode(text).length;
const oneLine = (text, least, most) =>
  typeof text === 'string' && size(text) >= least && size(text) <= most && text.trim() === text && !/[\p{Cc}\u2028\u2029]/u.test(text);
const must = (ok, what) => {
  if (!ok) throw new Error(what);
};

/** link is the text of a public space's link. */
export const link = ({ witnesses, seed, title }) => {
  const data = encode([1, 1, witnesses, seed, title]);
  return 'pars-space:' + base32(concat([data, sha3_256(data).slice(0, 4)]));
};

/** readLink is its opposite and throws for everything else. */
export const readLink = (text) => {
  const t = text.trim().toLowerCase();
  must(size(t) <= 512 && t.startsWith('pars-space:'), 'not a link');
  const bytes = unbase32(t.slice('pars-space:'.length));
  const data = bytes.slice(0, -4);
  must(bytes.length > 4 && sha3_256(data).slice(0, 4).every((b, i) => b === bytes[data.length + i]), 'the check is wrong');
  const item = decode(data);
  must(Array.isArray(item) && item.length === 5, 'not five elements');
  const [version, auth, witnesses, seed, title] = item;
  must(version === 1 && auth === 1 && Number.isInteger(witnesses), 'not a public space');
  must(seed instanceof Uint8Array && seed.length === 32 && oneLine(title, 1, 128), 'seed or title');
  return { witnesses, seed, title };
};

const frame = (payload, elements) => {
  const item = decode(payload);
  must(Array.isArray(item) && item.length === elements, 'not so many elements');
  const [version, type, time, name] = item;
  must(version === 1 && Number.isInteger(time) && time <= 253402300799999 && oneLine(name, 0, 64), 'version, time or name');
  return { type, time, name, rest: item.slice(4) };
};

export const post = ({ time, name, text }) => encode([1, 1, time, name, text]);

export const readPost = (payload) => {
  const { type, time, name, rest } = frame(payload, 5);
  const [text] = rest;
  must(type === 1 && typeof text === 'string' && text !== '' && size(text) <= 16384, 'not a post');
  return { time, name, text };
};

export const change = ({ time, name, note, changes }) => encode([1, 2, time, name, note, changes]);

export const readChange = (payload) => {
  const { type, time, name, rest } = frame(payload, 6);
  const [note, changes] = rest;
  must(type === 2 && changes instanceof Uint8Array, 'not a change');
  const joins = note === '' && changes.length === 0;
  must(joins || (oneLine(note, 1, 64) && changes.length >= 1 && changes.length <= 48960), 'note or changes');
  return { time, name, note, changes };
};

/** noteID is the document that a note is. */
export const noteID = (name) => sum('pars note v1', name);
