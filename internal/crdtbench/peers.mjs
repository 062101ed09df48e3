// Applies one editing trace to yjs and to loro-crdt, one transaction an edit as
// an editor would, and prints what it took as one line of JSON.
// Usage: node --expose-gc peers.mjs TRACE.json, as `make bench-crdt` calls it.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as Y from 'yjs';
import { LoroDoc } from 'loro-crdt';

const raw = readFileSync(process.argv[2]);
const trace = JSON.parse(process.argv[2].endsWith('.gz') ? gunzipSync(raw) : raw);
const patches = trace.txns.flatMap((t) => t.patches);

const timed = (f) => {
  globalThis.gc?.();
  const from = performance.now();
  const value = f();
  return [value, performance.now() - from];
};

// yjs encodes the client's id with every reference: 1 is the shortest there is.
// oneByOne makes every edit a transaction of its own, as an editor does.
const yjs = (oneByOne) => {
  const [doc, apply] = timed(() => {
    const d = new Y.Doc();
    d.clientID = 1;
    const text = d.getText('text');
    const edits = () => {
      for (const [at, n, s] of patches) {
        if (n > 0) text.delete(at, n);
        if (s !== '') text.insert(at, s);
      }
    };
    if (oneByOne) edits();
    else d.transact(edits);
    return d;
  });
  const [state, encode] = timed(() => Y.encodeStateAsUpdate(doc));
  const [other, merge] = timed(() => {
    const d = new Y.Doc();
    Y.applyUpdate(d, state);
    return d;
  });
  const right = doc.getText('text').toString() === trace.endContent && other.getText('text').toString() === trace.endContent;
  return { name: oneByOne ? 'yjs' : 'yjs, one transaction', right, apply, encode, merge, bytes: state.length, bytesV2: Y.encodeStateAsUpdateV2(doc).length };
};

const loro = () => {
  const [doc, apply] = timed(() => {
    const d = new LoroDoc();
    const text = d.getText('text');
    for (const [at, n, s] of patches) {
      if (n > 0) text.delete(at, n);
      if (s !== '') text.insert(at, s);
    }
    d.commit();
    return d;
  });
  const [state, encode] = timed(() => doc.export({ mode: 'snapshot' }));
  const [other, merge] = timed(() => {
    const d = new LoroDoc();
    d.import(state);
    d.getText('text').toString();
    return d;
  });
  const right = doc.getText('text').toString() === trace.endContent && other.getText('text').toString() === trace.endContent;
  return { name: 'loro', right, apply, encode, merge, bytes: state.length, bytesV2: doc.export({ mode: 'update' }).length };
};

const best = (f, runs = 3) =>
  Array.from({ length: runs }, f).reduce((a, b) => ({
    ...a,
    right: a.right && b.right,
    apply: Math.min(a.apply, b.apply),
    encode: Math.min(a.encode, b.encode),
    merge: Math.min(a.merge, b.merge),
  }));

process.stdout.write(JSON.stringify([best(() => yjs(true)), best(() => yjs(false)), best(loro)]) + '\n');
