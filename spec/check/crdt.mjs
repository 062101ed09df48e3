// A second implementation of spec/crdt.md. It keeps one node for each element of
// a text or list, and a plain map for everything else.
import { sha3_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { concat, decode as cbor, encode as toCbor } from './cbor.mjs';

const MAX_AMOUNT = 1n << 40n, MAX_SUM = (1n << 62n) - 1n, MAX_ELEMENTS = 65536;
const GC = 1, PN = 2, GSET = 3, ORSET = 4, LWW = 5, MV = 6, TEXT = 7;

const refuse = (why) => {
  throw new Error(`refused: ${why}`);
};
const less = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const utf8 = new TextDecoder('utf-8', { fatal: true });

class Reader {
  constructor(bytes) {
    this.b = bytes;
    this.at = 0;
  }
  big() {
    let n = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const c = this.b[this.at++];
      if (c === undefined || shift > 63n) refuse('a number is cut off');
      n |= BigInt(c & 0x7f) << shift;
      if (c >= 0x80) continue;
      if (c === 0 && shift > 0n) refuse('a number is not in its shortest form');
      return n;
    }
  }
  num() {
    const n = this.big();
    return n > 2n ** 53n - 1n ? refuse('a number is too large') : Number(n);
  }
  str() {
    const n = this.num();
    if (n > this.b.length - this.at) refuse('a string is cut off');
    return this.b.slice(this.at, (this.at += n));
  }
  set(read = () => undefined) {
    const out = [];
    let last = -1;
    for (let n = this.num(); n > 0; n--) {
      last += 1 + this.num();
      out.push([last, read()]);
    }
    return out;
  }
  end() {
    if (this.at !== this.b.length) refuse('bytes after a field');
  }
}

class Writer {
  bytes = [];
  num(n) {
    let v = BigInt(n);
    for (; v >= 0x80n; v >>= 7n) this.bytes.push(Number(v & 0x7fn) | 0x80);
    this.bytes.push(Number(v));
  }
  str(s) {
    this.num(s.length);
    for (const c of s) this.bytes.push(c);
  }
  set(entries, write = () => undefined) {
    this.num(entries.length);
    let last = -1;
    for (const [place, value] of entries.sort((a, b) => a[0] - b[0])) {
      this.num(place - last - 1);
      last = place;
      write(value);
    }
  }
  get done() {
    return Uint8Array.from(this.bytes);
  }
}

const ascending = (list) => {
  list.forEach((x, i) => i > 0 && list[i - 1] >= x && refuse('double or out of order'));
  return list;
};
const elements = (r) => ascending(Array.from({ length: r.num() }, () => bytesToHex(r.str())));

// ids, places: what a vertex number in a body stands for.
const readVertices = (ids, lamports, differences) => {
  const r = new Reader(lamports);
  const out = [];
  if (ids.length % 32 !== 0) refuse('ids of another length');
  for (let at = 0; at < ids.length; at += 32) {
    const last = differences && out.length > 0 ? out[out.length - 1].lamport : 0;
    const v = { id: bytesToHex(ids.slice(at, at + 32)), lamport: last + r.num() };
    if (v.lamport < 1 || v.lamport > 2 ** 53 - 1) refuse('lamport number');
    out.push(v);
  }
  r.end();
  return out;
};

const stretches = (r, total) => {
  const alive = [];
  for (let i = 0; alive.length < total; i++) {
    const n = r.num();
    if ((n === 0 && i > 0) || n > total - alive.length) refuse('a stretch');
    for (let k = 0; k < n; k++) alive.push(i % 2 === 0);
  }
  return alive;
};

const contentOf = (r, kind, alive) => {
  const want = alive.filter(Boolean).length;
  const parts = kind === TEXT ? [...utf8.decode(r.str())] : Array.from({ length: want }, () => bytesToHex(r.str()));
  if (parts.length !== want) refuse('content of another length');
  return alive.map((live) => (live ? parts.shift() : null));
};

const oneOnEachSide = (nodes) => {
  const seen = new Set();
  for (const n of nodes) {
    const side = `${n.parent ? n.parent.v.id + n.parent.i : ''} ${n.left}`;
    if (seen.has(side)) refuse('two elements on one side of an element');
    seen.add(side);
  }
};

// Sequence is a FugueMax tree.
class Sequence {
  of = new Map(); // id -> nodes of that vertex
  root = { lefts: [], rights: [] };

  list() {
    const out = [];
    const walk = (n) => {
      n.lefts.forEach(walk);
      if (n !== this.root) out.push(n);
      n.rights.forEach(walk);
    };
    walk(this.root);
    return out;
  }

  hang(node) {
    const place = new Map(this.list().map((n, i) => [n, i]));
    place.set(null, Infinity);
    const kids = (node.parent ?? this.root)[node.left ? 'lefts' : 'rights'];
    kids.push(node);
    const byDot = (a, b) => a.v.lamport - b.v.lamport || less(a.v.id, b.v.id) || a.i - b.i;
    kids.sort((a, b) => (!node.left && a.right !== b.right ? (place.get(a.right) > place.get(b.right) ? -1 : 1) : byDot(a, b)));
    if (!this.of.has(node.v.id)) this.of.set(node.v.id, []);
    this.of.get(node.v.id).push(node);
  }

  // run makes the nodes of a run; ref reads a reference, undefined being one to nothing.
  run(v, first, head, ref) {
    const left = head % 2 === 1;
    const given = (head >> 1) % 2 === 1;
    const parent = ref();
    let right = given ? ref() : left ? parent : parent ? parent.right : null;
    if ((left && (given || !parent)) || parent === undefined || right === undefined) refuse('what an element hangs on');
    const out = [];
    for (let k = 0; k <= head >> 2; k++) {
      out.push({ v, i: first + k, parent: k === 0 ? parent : out[k - 1], right, left: left && k === 0, value: null, lefts: [], rights: [] });
    }
    return out;
  }
}

const empty = (kind) => {
  if (kind <= PN) return { base: [0n, 0n], by: new Map() };
  if (kind === GSET) return new Set();
  if (kind === ORSET || kind === MV) return new Map();
  if (kind === LWW) return { v: null, value: null };
  return new Sequence();
};
const isEmpty = (kind, f) => {
  if (kind <= PN) return f.by.size === 0 && f.base.every((n) => n === 0n);
  if (kind === LWW) return f.v === null;
  return kind >= TEXT ? f.of.size === 0 : f.size === 0;
};

const H = (label, ...rest) => sha3_256(toCbor([label, ...rest]));

export class Document {
  line = 0;
  count = 0;
  digest = new Uint8Array(32);
  known = new Map(); // id -> vertex, above the line or with something alive
  fields = new Map(); // "kind name" -> { kind, name, f }

  has = (v) => v.lamport <= this.line || this.known.has(v.id);
  field(kind, name) {
    const key = `${kind} ${bytesToHex(name)}`;
    if (!this.fields.has(key)) this.fields.set(key, { kind, name, f: empty(kind) });
    return this.fields.get(key).f;
  }
  sorted() {
    return [...this.fields.values()].filter((x) => !isEmpty(x.kind, x.f)).sort((a, b) => a.kind - b.kind || less(bytesToHex(a.name), bytesToHex(b.name)));
  }

  // apply takes in the delta of vertex v; isAncestor judges the vertices it names.
  apply(v, delta, isAncestor) {
    if (this.has(v)) return;
    const [version, ids, lamports, fields, ...more] = cbor(delta);
    if (version !== 1 || more.length > 0 || fields.length === 0) refuse('form of a delta');
    const refs = readVertices(ids, lamports, false);
    ascending(refs.map((x) => x.id));
    refs.every((x) => x.lamport < v.lamport && isAncestor(x)) || refuse('a stranger is named');
    ascending(fields.map(([kind, name]) => String.fromCharCode(kind) + bytesToHex(name)));
    const used = new Set();
    const ref = (place) => {
      used.add(place);
      return refs[place] ?? refuse('a place outside the dictionary');
    };
    const changes = fields.map(([kind, name, body]) => {
      if (kind < 1 || kind > 8 || name.length < 1 || name.length > 64) refuse('a field');
      const r = new Reader(body);
      const change = this.change(v, kind, this.field(kind, name), r, ref);
      r.end();
      return change;
    });
    if (used.size !== refs.length) refuse('a vertex is not used');
    this.known.set(v.id, v);
    changes.forEach((change) => change());
  }

  change(v, kind, f, r, ref) {
    const amount = () => {
      const n = r.big();
      return n > MAX_AMOUNT ? refuse('an amount') : n;
    };
    const places = () => r.set().map(([place]) => ref(place).id);
    if (kind <= PN) {
      const a = [amount(), kind === PN ? amount() : 0n];
      if (a.every((n) => n === 0n)) refuse('nothing changes');
      return () => f.by.set(v.id, a);
    }
    if (kind === GSET) {
      const es = elements(r);
      if (es.length === 0) refuse('nothing changes');
      return () => es.forEach((e) => f.add(e));
    }
    if (kind === ORSET) {
      const added = elements(r);
      const gone = Array.from({ length: r.num() }, () => [bytesToHex(r.str()), places()]);
      ascending(gone.map(([e]) => e));
      if (added.length + gone.length === 0 || gone.some(([, ids]) => ids.length === 0)) refuse('nothing changes');
      return () => {
        for (const [e, ids] of gone) {
          for (const id of ids) f.get(e)?.delete(id);
          if (f.get(e)?.size === 0) f.delete(e);
        }
        for (const e of added) f.set(e, (f.get(e) ?? new Set()).add(v.id));
      };
    }
    if (kind === LWW) {
      const value = bytesToHex(r.str());
      return () => this.later(v, f.v) && Object.assign(f, { v, value });
    }
    if (kind === MV) {
      const gone = places();
      const value = r.num() === 1 ? bytesToHex(r.str()) : null;
      if (gone.length === 0 && value === null) refuse('nothing changes');
      return () => {
        gone.forEach((id) => f.delete(id));
        if (value !== null) f.set(v.id, value);
      };
    }
    return this.insertions(v, kind, f, r, ref);
  }

  later = (a, b) => b === null || a.lamport > b.lamport || (a.lamport === b.lamport && a.id > b.id);

  insertions(v, kind, f, r, ref) {
    const nodes = [];
    for (let n = r.num(); n > 0; n--) {
      const first = nodes.length;
      const read = () => {
        const x = r.num();
        if (x === 0) return null;
        if (x % 2 === 1) return nodes[first - (x + 1) / 2];
        return (f.of.get(ref(x / 2 - 1).id) ?? [])[r.num()];
      };
      nodes.push(...f.run(v, first, r.num(), read));
    }
    if (nodes.length > MAX_ELEMENTS) refuse('too many elements');
    oneOnEachSide(nodes);
    contentOf(r, kind, stretches(r, nodes.length)).forEach((value, i) => (nodes[i].value = value));
    const gone = [];
    let place = -1, end = -1;
    for (let n = r.num(); n > 0; n--) {
      const step = r.num();
      if (step === 0 && place < 0) refuse('a range of no vertex');
      place += step;
      const from = r.num() + (step === 0 ? end + 1 : 0);
      end = from + r.num() + 1;
      const theirs = f.of.get(ref(place).id) ?? [];
      if (end > theirs.length) refuse('a range of nothing');
      gone.push(...theirs.slice(from, end));
    }
    if (nodes.length + gone.length === 0) refuse('nothing changes');
    return () => {
      nodes.forEach((n) => f.hang(n));
      gone.forEach((n) => (n.value = null));
    };
  }

  merge(o) {
    const line = Math.max(this.line, o.line);
    this.fold(line);
    o.fold(line);
    if (bytesToHex(this.digest) !== bytesToHex(o.digest)) refuse('compacted copies differ');
    for (const { kind, name } of [...this.fields.values()]) o.field(kind, name);
    for (const { kind, name, f: theirs } of o.fields.values()) this.join(kind, this.field(kind, name), theirs, o);
    for (const v of o.known.values()) this.known.set(v.id, v);
  }

  join(kind, f, theirs, o) {
    const lives = (id, here, there) => (here ? there || !o.has(this.known.get(id)) : !this.has(o.known.get(id)));
    if (kind <= PN) {
      for (const [id, a] of theirs.by) f.by.set(id, a);
    } else if (kind === GSET) {
      theirs.forEach((e) => f.add(e));
    } else if (kind === ORSET) {
      for (const e of new Set([...f.keys(), ...theirs.keys()])) {
        const [a, b] = [f.get(e) ?? new Set(), theirs.get(e) ?? new Set()];
        const both = new Set([...a, ...b].filter((id) => lives(id, a.has(id), b.has(id))));
        if (both.size > 0) f.set(e, both);
        else f.delete(e);
      }
    } else if (kind === LWW) {
      if (theirs.v !== null && this.later(theirs.v, f.v)) Object.assign(f, theirs);
    } else if (kind === MV) {
      for (const [id, value] of [...f, ...theirs]) {
        if (lives(id, f.has(id), theirs.has(id))) f.set(id, value);
        else f.delete(id);
      }
    } else {
      const mine = (n) => n && f.of.get(n.v.id)[n.i];
      for (const v of [...o.known.values()].sort((a, b) => (o.later(a, b) ? 1 : -1))) {
        for (const n of theirs.of.get(v.id) ?? []) {
          if (!this.has(v)) f.hang({ ...n, parent: mine(n.parent), right: mine(n.right), lefts: [], rights: [] });
          else if (n.value === null) mine(n).value = null;
        }
      }
    }
  }

  fold(line) {
    if (line <= this.line) return;
    for (const v of this.order().filter((x) => x.lamport > this.line && x.lamport <= line)) {
      this.digest = H('pars crdt base v1', this.digest, hexToBytes(v.id));
      this.count++;
    }
    this.line = line;
    for (const { kind, f } of this.fields.values()) {
      if (kind > PN) continue;
      for (const [id, a] of [...f.by]) {
        if (this.known.get(id).lamport > line) continue;
        f.base = f.base.map((n, i) => (n + a[i] > MAX_SUM ? MAX_SUM : n + a[i]));
        f.by.delete(id);
      }
    }
  }

  order = () => [...this.known.values()].sort((a, b) => (this.later(a, b) ? 1 : -1));

  // names are the ids of the vertices of which something lives in a field.
  names(kind, f) {
    if (kind <= PN) return [...f.by.keys()];
    if (kind === GSET) return [];
    if (kind === ORSET) return [...f.values()].flatMap((ids) => [...ids]);
    if (kind === LWW) return [f.v.id];
    return kind === MV ? [...f.keys()] : [...f.of.keys()];
  }

  encode() {
    const fields = this.sorted();
    const alive = new Set(fields.flatMap(({ kind, f }) => this.names(kind, f)));
    const listed = this.order().filter((v) => v.lamport > this.line || alive.has(v.id));
    const place = new Map(listed.map((v, i) => [v.id, i]));
    const lamports = new Writer();
    listed.forEach((v, i) => lamports.num(v.lamport - (i > 0 ? listed[i - 1].lamport : 0)));
    return toCbor([
      1, this.line, this.count, this.count > 0 ? this.digest : new Uint8Array(),
      concat(listed.map((v) => hexToBytes(v.id))), lamports.done,
      fields.map(({ kind, name, f }) => {
        const w = new Writer();
        this.body(w, kind, f, place, listed);
        return [kind, name, w.done];
      }),
    ]);
  }

  body(w, kind, f, place, listed) {
    const amounts = (a) => a.slice(0, kind).forEach((n) => w.num(n));
    const list = [...(kind === GSET ? f : kind === ORSET ? f.keys() : [])].sort();
    if (kind <= PN) {
      amounts(f.base);
      w.set([...f.by].map(([id, a]) => [place.get(id), a]), amounts);
    } else if (kind === GSET) {
      w.num(list.length);
      list.forEach((e) => w.str(hexToBytes(e)));
    } else if (kind === ORSET) {
      w.num(list.length);
      for (const e of list) {
        w.str(hexToBytes(e));
        w.set([...f.get(e)].map((id) => [place.get(id)]));
      }
    } else if (kind === LWW) {
      w.num(place.get(f.v.id));
      w.str(hexToBytes(f.value));
    } else if (kind === MV) {
      w.set([...f].map(([id, value]) => [place.get(id), hexToBytes(value)]), (value) => w.str(value));
    } else {
      this.tree(w, kind, f, place, listed);
    }
  }

  tree(w, kind, f, place, listed) {
    const vertices = listed.filter((v) => f.of.has(v.id));
    const nodes = vertices.flatMap((v) => f.of.get(v.id));
    const number = new Map(nodes.map((n, i) => [n, i + 1]));
    number.set(null, 0);
    w.set(vertices.map((v) => [place.get(v.id), f.of.get(v.id).length - 1]), (n) => w.num(n));
    const implied = (n) => (n.left ? n.parent : n.parent ? n.parent.right : null);
    const starts = (n) => n.i === 0 || n.left || n.parent !== f.of.get(n.v.id)[n.i - 1] || n.right !== implied(n);
    nodes.forEach((n, at) => {
      if (!starts(n)) return;
      let length = 1;
      while (nodes[at + length]?.v === n.v && !starts(nodes[at + length])) length++;
      const given = n.right !== implied(n);
      w.num((length - 1) * 4 + (given ? 2 : 0) + (n.left ? 1 : 0));
      w.num(number.get(n) - number.get(n.parent));
      if (given) w.num(number.get(n) - number.get(n.right));
    });
    const lengths = [0];
    for (const n of nodes) {
      if ((n.value !== null) !== (lengths.length % 2 === 1)) lengths.push(0);
      lengths[lengths.length - 1]++;
    }
    lengths.forEach((n) => w.num(n));
    const content = nodes.filter((n) => n.value !== null).map((n) => n.value);
    if (kind === TEXT) w.str(new TextEncoder().encode(content.join('')));
    else content.forEach((value) => w.str(hexToBytes(value)));
  }

  shows() {
    return this.sorted().map(({ kind, name, f }) => {
      const out = { kind, name: utf8.decode(name) };
      if (kind <= PN) {
        const sums = [...f.by.values()].reduce((s, a) => s.map((n, i) => n + a[i]), f.base);
        out.value = [String(sums[0] - sums[1])];
      } else if (kind === GSET || kind === ORSET) out.value = [...f.keys()].sort();
      else if (kind === LWW) out.value = [f.value];
      else if (kind === MV) out.value = this.order().filter((v) => f.has(v.id)).map((v) => f.get(v.id));
      else {
        const values = f.list().filter((n) => n.value !== null).map((n) => n.value);
        out.value = kind === TEXT ? [values.join('')] : values.length > 0 ? values : null;
      }
      return out;
    });
  }
}

/** decode reads a state and refuses whatever it would not write itself. */
export const decode = (bytes) => {
  const [version, line, count, digest, ids, lamports, fields, ...more] = cbor(bytes);
  if (version !== 1 || more.length > 0) refuse('form of a state');
  if (count > 0 && (digest.length !== 32 || line === 0)) refuse('a base without a digest');
  const d = new Document();
  Object.assign(d, { line, count, digest: count > 0 ? digest : new Uint8Array(32) });
  const listed = readVertices(ids, lamports, true);
  listed.forEach((v) => d.known.set(v.id, v));
  const vertex = (place) => listed[place] ?? refuse('a place outside the dictionary');
  for (const [kind, name, body] of fields) {
    if (kind < 1 || kind > 8 || name.length < 1 || name.length > 64) refuse('a field');
    const r = new Reader(body);
    const f = d.field(kind, name);
    const amounts = () => [r.big(), kind === PN ? r.big() : 0n];
    if (kind <= PN) {
      f.base = amounts();
      if (line === 0 && f.base.some((n) => n > 0n)) refuse('a base sum without a base');
      for (const [place, a] of r.set(amounts)) {
        if (vertex(place).lamport <= line || a.every((n) => n === 0n) || a.some((n) => n > MAX_AMOUNT)) refuse('an amount');
        f.by.set(vertex(place).id, a);
      }
    } else if (kind === GSET) elements(r).forEach((e) => f.add(e));
    else if (kind === ORSET) {
      for (let n = r.num(); n > 0; n--) {
        const e = bytesToHex(r.str());
        f.set(e, new Set(r.set().map(([place]) => vertex(place).id)));
        if (f.get(e).size === 0) refuse('an element that nobody added');
      }
    } else if (kind === LWW) {
      f.v = vertex(r.num());
      f.value = bytesToHex(r.str());
    } else if (kind === MV) r.set(() => bytesToHex(r.str())).forEach(([place, value]) => f.set(vertex(place).id, value));
    else readTree(f, kind, r, vertex);
    r.end();
  }
  const again = d.encode();
  if (bytesToHex(again) !== bytesToHex(bytes)) refuse('not the encoding of any state');
  return d;
};

const readTree = (f, kind, r, vertex) => {
  const counts = r.set(() => r.num() + 1);
  const nodes = [];
  for (const [place, count] of counts) {
    const from = nodes.length;
    while (nodes.length - from < count) {
      const first = nodes.length;
      const back = () => {
        const distance = r.num();
        if (distance === 0) refuse('an element hangs on itself');
        return distance === first + 1 ? null : nodes[first - distance];
      };
      nodes.push(...f.run(vertex(place), first - from, r.num(), back));
    }
    if (nodes.length - from > count || count > MAX_ELEMENTS) refuse('too many elements');
    oneOnEachSide(nodes.slice(from));
  }
  contentOf(r, kind, stretches(r, nodes.length)).forEach((value, i) => (nodes[i].value = value));
  nodes.forEach((n) => f.hang(n));
};

/** changes reads a payload: [document id in hex, delta] of each document. */
export const changes = (payload) => {
  const list = cbor(payload).map(([id, delta]) => [bytesToHex(id), delta]);
  ascending(list.map(([id]) => id));
  return list;
};

export const named = (name) => H('pars document v1', name);
