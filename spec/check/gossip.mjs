// The frames and tags of spec/gossip.md, written from its text.

import { decode, encode } from './cbor.mjs';
import { sha3_256 } from '@noble/hashes/sha3.js';

const isNumber = (x) => typeof x === 'number' || typeof x === 'bigint';
const isFlag = (x) => typeof x === 'boolean';
const isBytes = (least, most) => (x) => x instanceof Uint8Array && x.length >= least && x.length <= most;
const isIDs = (x) => isBytes(32, 32 * 256)(x) && x.length % 32 === 0;

// What stands after the type.
const frames = [
  { name: 'join', elements: [isNumber, isBytes(32, 32)] },
  { name: 'leave', elements: [isNumber] },
  { name: 'vertex', elements: [isNumber, isFlag, isBytes(1, 65536)] },
  { name: 'ids', elements: [isNumber, isFlag, isIDs] },
  { name: 'graft', elements: [isNumber, (x) => isNumber(x) && x <= 2, isFlag, isIDs] },
  { name: 'prune', elements: [isNumber, isFlag, isBytes(32, 32)] },
];

/** read returns a frame's name and elements, and throws for what breaks the rules. */
export const read = (bytes) => {
  if (bytes.length > 65568) throw new Error('a frame is too long');
  const item = decode(bytes);
  if (!Array.isArray(item) || item.length === 0) throw new Error('no array that begins with a type');
  const [type, ...elements] = item;
  const frame = isNumber(type) ? frames[type] : undefined;
  if (!frame) throw new Error(`type ${type}`);
  if (elements.length !== frame.elements.length) throw new Error(`${elements.length} elements in ${frame.name}`);
  frame.elements.forEach((ok, i) => {
    if (!ok(elements[i])) throw new Error(`element ${i + 1} of ${frame.name}`);
  });
  if (frame.name === 'graft' && elements[1] === 0 && !elements[2]) throw new Error('a graft that asks for nothing');
  return { name: frame.name, elements };
};

/** write is the opposite of read. */
export const write = (name, ...elements) => encode([frames.findIndex((f) => f.name === name), ...elements]);

/** tag names a space between two peers, whose ids are bytes. */
export const tag = (sender, receiver, space) => sha3_256(encode(['pars gossip space v1', sender, receiver, space]));
