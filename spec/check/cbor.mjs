// Deterministic CBOR (RFC 8949, section 4.2.1) as far as spec/wire.md allows it
// for arrays, unsigned integers, byte strings, text and booleans.

const concat = (parts) => {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
};

const head = (major, n) => {
  const v = BigInt(n);
  const size = v < 24n ? 0 : v < 1n << 8n ? 1 : v < 1n << 16n ? 2 : v < 1n << 32n ? 4 : 8;
  if (size === 0) return Uint8Array.of((major << 5) | Number(v));
  const out = new Uint8Array(1 + size);
  out[0] = (major << 5) | (24 + Math.log2(size));
  for (let i = 0; i < size; i++) out[size - i] = Number((v >> BigInt(8 * i)) & 255n);
  return out;
};

/** encode returns the bytes of a number, bigint, string, boolean, Uint8Array or array of these. */
export const encode = (v) => {
  if (typeof v === 'number' || typeof v === 'bigint') return head(0, v);
  if (typeof v === 'boolean') return Uint8Array.of(v ? 0xf5 : 0xf4);
  if (v instanceof Uint8Array) return concat([head(2, v.length), v]);
  if (typeof v === 'string') {
    const text = new TextEncoder().encode(v);
    return concat([head(3, text.length), text]);
  }
  if (Array.isArray(v)) return concat([head(4, v.length), ...v.map(encode)]);
  throw new TypeError(`no encoding for ${typeof v}`);
};

const item = (b, at) => {
  if (at >= b.length) throw new Error('CBOR is cut off');
  const major = b[at] >> 5;
  const info = b[at] & 31;
  at++;
  if (major === 7 && (info === 20 || info === 21)) return [info === 21, at];
  if (![0, 2, 3, 4].includes(major) || info > 27) throw new Error(`CBOR item 0x${b[at - 1].toString(16)} is not used`);
  let n = info;
  if (info >= 24) {
    const size = 1 << (info - 24);
    let v = 0n;
    for (let i = 0; i < size; i++) v = (v << 8n) | BigInt(b[at + i]);
    n = Number(v);
    at += size;
  }
  if (major === 0) return [n, at];
  if (major === 4) {
    const out = [];
    for (let i = 0; i < n; i++) {
      const [v, next] = item(b, at);
      out.push(v);
      at = next;
    }
    return [out, at];
  }
  if (at + n > b.length) throw new Error('CBOR string is cut off');
  const bytes = b.slice(at, at + n);
  return [major === 2 ? bytes : new TextDecoder('utf-8', { fatal: true }).decode(bytes), at + n];
};

/** decode reads one item and refuses every encoding of it but the deterministic one. */
export const decode = (b) => {
  const [v, end] = item(b, 0);
  if (end !== b.length) throw new Error('bytes after the CBOR item');
  const again = encode(v);
  if (again.length !== b.length || again.some((x, i) => x !== b[i])) throw new Error('CBOR is not deterministic');
  return v;
};

export { concat };
