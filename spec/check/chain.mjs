// A second implementation of spec/chain.md, sections 2 to 5: headers, base fee,
// schedule and seals. Numbers are BigInt.
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';

const SPACING = 400n, WINDOW = 250n, HEARTBEAT = 10_000n, PERIOD = 2_000n, FLOOR = 1_000_000_000n;
const EXTRA = 229, SEAL_AT = 133;
const MAX_TIME = 2n ** 53n - 1n;
const bls = bls12_381.longSignatures;
const SUITE = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_';

export const keccak = (...parts) => keccak_256(concatBytes(...parts));
export const number = (b) => (b.length === 0 ? 0n : BigInt('0x' + bytesToHex(b)));
export const uint = (n, bytes) => Uint8Array.from({ length: bytes }, (_, i) => Number((BigInt(n) >> BigInt(8 * (bytes - 1 - i))) & 255n));
const equal = (a, b) => a !== undefined && bytesToHex(a) === bytesToHex(b);
const zeros = (b) => b !== undefined && b.every((x) => x === 0);

const rlpLength = (n, offset) => {
  if (n < 56) return uint(offset + n, 1);
  const size = Math.ceil(n.toString(16).length / 2);
  return concatBytes(uint(offset + 55 + size, 1), uint(n, size));
};
const rlpString = (b) => (b.length === 1 && b[0] < 0x80 ? b : concatBytes(rlpLength(b.length, 0x80), b));
export const rlpList = (items) => {
  const body = concatBytes(...items.map(rlpString));
  return concatBytes(rlpLength(body.length, 0xc0), body);
};

// fields reads a list of strings, which is all that a header is.
export function fields(b) {
  const head = (at, base) => {
    const n = b[at] - base;
    if (n < 56) return [at + 1, n];
    return [at + 1 + n - 55, Number(number(b.slice(at + 1, at + 1 + n - 55)))];
  };
  let [at, length] = head(0, 0xc0);
  if (at + length !== b.length) throw new Error('list of another length');
  const items = [];
  while (at < b.length) {
    if (b[at] < 0x80) {
      items.push(b.slice(at, at + 1));
      at += 1;
      continue;
    }
    const [from, n] = head(at, 0x80);
    items.push(b.slice(from, from + n));
    at = from + n;
  }
  return items;
}

const NAMES = ['parentHash', 'uncles', 'miner', 'root', 'transactions', 'receipts', 'bloom', 'difficulty', 'number', 'gasLimit', 'gasUsed',
  'timestamp', 'extra', 'mix', 'nonce', 'baseFee', 'withdrawals', 'blobGasUsed', 'excessBlobGas', 'beaconRoot'];

export function header(raw) {
  const items = fields(raw);
  const h = Object.fromEntries(items.map((v, i) => [NAMES[i], v]));
  for (const k of ['difficulty', 'number', 'gasLimit', 'gasUsed', 'timestamp', 'baseFee']) h[k] = number(h[k] ?? new Uint8Array());
  h.items = items;
  h.hash = keccak(raw);
  return h;
}

export function extra(b) {
  if (b.length !== EXTRA || b[0] !== 1) return undefined;
  const x = { ms: number(b.slice(1, 9)), height: number(b.slice(9, 17)), proposer: b.slice(17, 37), reveal: b.slice(37, SEAL_AT), seal: b.slice(SEAL_AT) };
  return x.ms > MAX_TIME ? undefined : x;
}

export function sealHash(h) {
  const items = [...h.items];
  items[12] = concatBytes(h.extra.slice(0, SEAL_AT), new Uint8Array(96));
  return keccak(rlpList(items));
}

export function baseFee(fee, gasUsed, gasLimit, sinceParent) {
  const paid = gasUsed >= gasLimit ? 800n : (gasUsed * 800n) / gasLimit;
  const elapsed = sinceParent > SPACING ? sinceParent : SPACING;
  if (paid > elapsed) return fee + (fee * (paid - elapsed)) / 16_800n;
  let idle = elapsed - paid;
  let f = fee;
  for (; idle >= PERIOD && f > FLOOR; idle -= PERIOD) f -= (f * PERIOD) / 16_000n;
  if (idle < PERIOD) f -= (f * idle) / 16_000n;
  return f > FLOOR ? f : FLOOR;
}

export const seed = (chain, height, mix) => keccak(utf8ToBytes('pars/schedule/v1'), chain, uint(height, 8), mix);

// order draws [{ nodeId, weight }] by the seed.
export function order(from, validators) {
  const left = validators.filter((v) => v.weight > 0n).sort((a, b) => (bytesToHex(a.nodeId) < bytesToHex(b.nodeId) ? -1 : 1));
  let block = 0n;
  let numbers = [];
  const next = () => {
    if (numbers.length === 0) {
      const k = keccak(from, uint(block++, 8));
      numbers = [0, 8, 16, 24].map((i) => number(k.slice(i, i + 8)));
    }
    return numbers.shift();
  };
  const drawn = [];
  while (left.length > 0) {
    const n = left.reduce((sum, v) => sum + v.weight, 0n);
    let x = next();
    while (x < 2n ** 64n % n) x = next();
    let point = x % n;
    const i = left.findIndex((v) => {
      if (point < v.weight) return true;
      point -= v.weight;
      return false;
    });
    drawn.push(...left.splice(i, 1));
  }
  return drawn;
}

export const earliest = (parentMs, rank) => parentMs + SPACING + BigInt(rank) * WINDOW;

const message = (network, chain, payload) => concatBytes(uint(0, 2), uint(network, 4), chain, uint(payload.length, 4), payload);

function signed(key, sig, bytes) {
  try {
    const point = bls.Signature.fromBytes(sig);
    point.assertValidity();
    return bls.verify(point, bls.hash(bytes, SUITE), key);
  } catch {
    return false;
  }
}

const EMPTY_ROOT = keccak(Uint8Array.of(0x80));
const EMPTY_LIST = keccak(Uint8Array.of(0xc0));

// judge returns "valid" or the first rule of section 3 that h breaks.
export function judge(network, chain, parent, h, validators) {
  const up = extra(parent.extra);
  if (h.number !== parent.number + 1n || h.number >= 2n ** 64n) return 'number';
  if (!equal(h.parentHash, parent.hash)) return 'parent';
  const x = extra(h.extra);
  if (!x || zeros(x.proposer) || zeros(x.reveal) || zeros(x.seal)) return 'extra';
  if (h.timestamp !== x.ms / 1000n || x.ms < up.ms + SPACING) return 'time';
  if (equal(h.transactions, EMPTY_ROOT) && x.ms < up.ms + HEARTBEAT) return 'empty';
  if (x.height < up.height) return 'p-chain height';
  if (h.gasLimit !== 30_000_000n || h.gasUsed > h.gasLimit) return 'gas';
  if (h.baseFee !== baseFee(parent.baseFee, parent.gasUsed, parent.gasLimit, x.ms - up.ms)) return 'base fee';
  if (!equal(h.mix, keccak(parent.mix, x.reveal))) return 'mix';
  const unused = h.difficulty === 0n && zeros(h.nonce) && equal(h.uncles, EMPTY_LIST) && equal(h.withdrawals, EMPTY_ROOT) &&
    h.blobGasUsed?.length === 0 && h.excessBlobGas?.length === 0 && h.beaconRoot?.length === 32 && zeros(h.beaconRoot);
  if (!unused) return 'unused';
  const rank = order(seed(chain, h.number, parent.mix), validators).findIndex((v) => equal(v.nodeId, x.proposer));
  if (rank < 0) return 'proposer';
  if (x.ms < earliest(up.ms, rank)) return 'turn';
  const key = validators.find((v) => equal(v.nodeId, x.proposer)).publicKey;
  const reveal = message(network, chain, concatBytes(utf8ToBytes('pars/reveal/v1'), parent.mix, uint(h.number, 8)));
  const seal = message(network, chain, concatBytes(utf8ToBytes('pars/seal/v1'), sealHash(h)));
  return signed(key, x.reveal, reveal) && signed(key, x.seal, seal) ? 'valid' : 'signature';
}
