// Ring signatures as spec/ring.md has them, over noble's edwards25519.
import { ed25519 } from '@noble/curves/ed25519.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToNumberLE, concatBytes, equalBytes, numberToBytesBE, numberToBytesLE } from '@noble/curves/utils.js';

const { Point } = ed25519;
const { Fp, Fn } = Point;
const G = Point.BASE;
const A = 486662n;

const utf8 = (s) => new TextEncoder().encode(s);
const scalar = (b) => {
  const n = bytesToNumberLE(b);
  if (b.length !== 32 || n >= Fn.ORDER) throw new Error('not a canonical scalar');
  return n;
};
const bytes = (n) => numberToBytesLE(n, 32);
const hs = (...parts) => Fn.create(bytesToNumberLE(keccak_256(concatBytes(...parts))));
const times = (p, n) => (n === 0n ? Point.ZERO : p.multiplyUnsafe(n));

/** hashToPoint is Hp: Elligator 2 onto Curve25519, over to the Edwards curve, times 8. */
export function hashToPoint(key) {
  const u = Fp.create(bytesToNumberLE(keccak_256(key)));
  let x = Fp.neg(Fp.div(A, Fp.create(1n + 2n * u * u)));
  const square = Fp.create(x * (x * x + A * x + 1n));
  const first = square === 0n || Fp.pow(square, (Fp.ORDER - 1n) / 2n) === 1n;
  if (!first) x = Fp.create(-x - A);
  const encoded = bytes(Fp.div(Fp.create(x - 1n), Fp.create(x + 1n)));
  if (first) encoded[31] |= 0x80; // the sign of the Edwards x
  return Point.fromBytes(encoded).clearCofactor();
}

export const publicKey = (secret) => G.multiply(scalar(secret)).toBytes();

export const keyImage = (secret) => times(hashToPoint(G.multiply(scalar(secret)).toBytes()), scalar(secret)).toBytes();

const prefixOf = (ring, image, message) =>
  keccak_256(concatBytes(utf8('pars lsag v1'), numberToBytesBE(ring.length, 4), ...ring, image, keccak_256(message)));

/** signLSAG signs as ring[at]. alpha and responses are the secret random scalars. */
export function signLSAG(ring, at, secret, message, alpha, responses) {
  const image = keyImage(secret);
  const [I, prefix, n] = [Point.fromBytes(image), prefixOf(ring, image, message), ring.length];
  const s = responses.map(scalar);
  const c = Array(n);
  c[(at + 1) % n] = hs(prefix, times(G, scalar(alpha)).toBytes(), times(hashToPoint(ring[at]), scalar(alpha)).toBytes());
  for (let k = 1; k < n; k++) {
    const i = (at + k) % n;
    const L = times(G, s[i]).add(times(Point.fromBytes(ring[i]), c[i]));
    const R = times(hashToPoint(ring[i]), s[i]).add(times(I, c[i]));
    c[(i + 1) % n] = hs(prefix, L.toBytes(), R.toBytes());
  }
  s[at] = Fn.create(scalar(alpha) - c[at] * scalar(secret));
  return { image, signature: concatBytes(bytes(c[0]), ...s.map(bytes)) };
}

export function verifyLSAG(ring, image, message, signature) {
  const n = ring.length;
  if (signature.length !== 32 * (n + 1)) return false;
  const part = (i) => scalar(signature.subarray(32 * i, 32 * i + 32));
  const I = Point.fromBytes(image);
  if (!I.isTorsionFree() || I.is0()) return false;
  const prefix = prefixOf(ring, image, message);
  let c = part(0);
  for (let i = 0; i < n; i++) {
    const L = times(G, part(i + 1)).add(times(Point.fromBytes(ring[i]), c));
    const R = times(hashToPoint(ring[i]), part(i + 1)).add(times(I, c));
    c = hs(prefix, L.toBytes(), R.toBytes());
  }
  return c === part(0);
}

const padded = (tag) => concatBytes(utf8(tag), new Uint8Array(32 - tag.length));

function clsag(ring, commitments, offset, image, auxiliary) {
  const tail = [...ring, ...commitments];
  const muP = hs(padded('CLSAG_agg_0'), ...tail, image, auxiliary, offset);
  const muC = hs(padded('CLSAG_agg_1'), ...tail, image, auxiliary, offset);
  const C = Point.fromBytes(offset);
  const keys = ring.map((p, i) => times(Point.fromBytes(p), muP).add(times(Point.fromBytes(commitments[i]).subtract(C), muC)));
  const images = times(Point.fromBytes(image), muP).add(times(Point.fromBytes(auxiliary), Fn.create(8n * muC)));
  return {
    muP,
    muC,
    ends: (i, s, c) => [times(G, s).add(times(keys[i], c)), times(hashToPoint(ring[i]), s).add(times(images, c))],
    next: (message, [L, R]) => hs(padded('CLSAG_round'), ...tail, offset, message, L.toBytes(), R.toBytes()),
  };
}

/** signCLSAG signs as ring[at], whose commitment less the offset is opening times G. */
export function signCLSAG(ring, commitments, offset, at, secret, opening, message, alpha, responses) {
  const n = ring.length;
  const H = hashToPoint(ring[at]);
  const image = keyImage(secret);
  const auxiliary = times(H, Fn.create(scalar(opening) * Fn.inv(8n))).toBytes();
  const t = clsag(ring, commitments, offset, image, auxiliary);
  const s = responses.map(scalar);
  const c = Array(n);
  c[(at + 1) % n] = t.next(message, [times(G, scalar(alpha)), times(H, scalar(alpha))]);
  for (let k = 1; k < n; k++) {
    const i = (at + k) % n;
    c[(i + 1) % n] = t.next(message, t.ends(i, s[i], c[i]));
  }
  s[at] = Fn.create(scalar(alpha) - c[at] * (t.muP * scalar(secret) + t.muC * scalar(opening)));
  return concatBytes(...s.map(bytes), bytes(c[0]), image, auxiliary);
}

export function verifyCLSAG(ring, commitments, offset, message, signature) {
  const n = ring.length;
  if (signature.length !== 32 * (n + 3)) return false;
  const part = (i) => signature.subarray(32 * i, 32 * i + 32);
  const [image, auxiliary] = [part(n + 1), part(n + 2)];
  const I = Point.fromBytes(image);
  if (!I.isTorsionFree() || I.is0()) return false;
  const t = clsag(ring, commitments, offset, image, auxiliary);
  let c = scalar(part(n));
  for (let i = 0; i < n; i++) c = t.next(message, t.ends(i, scalar(part(i)), c));
  return equalBytes(bytes(c), part(n));
}
