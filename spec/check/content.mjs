// spec/content.md, written from its text: bodies, and what a person sees.

import { bytesToHex } from '@noble/hashes/utils.js';
import { decode } from './cbor.mjs';
import { sum } from './identity.mjs';

export const kinds = { text: 1, delivered: 2, post: 16, reaction: 17, edit: 18, delete: 19, read: 20, typing: 21, timer: 22, group: 23 };
const maxOrder = 2 ** 50;
const maxTimer = 366 * 86400;
const typingFor = 15000;

const refuse = (what) => {
  throw new Error(what);
};
const size = (s) => new TextEncoder().encode(s).length;
const check = (ok, what) => ok || refuse(what);
const isBytes = (v, n) => v instanceof Uint8Array && v.length === n;
const shape = (v, n) => check(Array.isArray(v) && v.length === n, `not an array of ${n}`) && v;
const zero = (b) => b.every((x) => x === 0);
const oneLine = (s, most) =>
  check(typeof s === 'string' && size(s) <= most && !/[\p{Cc}\u2028-\u2029\u202a-\u202e\u2066-\u2069]/u.test(s), 'not one line');
const text = (s, least) => check(typeof s === 'string' && size(s) >= least && size(s) <= 32768, 'not a text');
const ref = (v) => {
  const [author, id] = shape(v, 2);
  check(isBytes(author, 32) && isBytes(id, 16), 'not a reference');
  return { author, id };
};
const name = (author, id) => bytesToHex(author) + bytesToHex(id);
const timer = (v) => {
  const [mode, seconds] = shape(v, 2);
  check(mode <= 2 && (mode === 0 ? seconds === 0 : seconds >= 1 && seconds <= maxTimer), 'not a timer');
  return { mode, seconds };
};
const file = (v) => {
  const [root, key, n, label, type] = shape(v, 5);
  check(isBytes(root, 32) && isBytes(key, 32) && Number.isSafeInteger(n) && n <= 64 * 2 ** 30, 'not a file');
  oneLine(label, 255);
  oneLine(type, 127);
  check(label !== '' && label !== '.' && label !== '..' && !/[/\\:]/.test(label), 'not the name of a file');
  return { root, key, size: n, name: label, type };
};

const bodies = {
  [kinds.post]: (v) => {
    const [, words, reply, files, t] = shape(v, 5);
    text(words, 0);
    check(Array.isArray(reply) && reply.length <= 1 && Array.isArray(files) && files.length <= 16, 'too many');
    check(words !== '' || files.length > 0, 'nothing');
    const to = reply.map(ref)[0];
    check(!to || !(zero(to.author) && zero(to.id)), 'a reply to nothing');
    return { text: words, reply: to, files: files.map(file), timer: timer(t) };
  },
  [kinds.reaction]: (v) => {
    const [, author, sign] = shape(v, 3);
    const target = ref(author);
    check(!(zero(target.author) && zero(target.id)), 'a reaction to nothing');
    oneLine(sign, 64);
    return { target, sign };
  },
  [kinds.edit]: (v) => {
    const [, target, words] = shape(v, 3);
    check(isBytes(target, 16), 'not an id');
    text(words, 1);
    return { target, text: words };
  },
  [kinds.delete]: (v) => {
    const [, target] = shape(v, 2);
    check(isBytes(target, 16), 'not an id');
    return { target };
  },
  [kinds.read]: (v) => {
    const [, list] = shape(v, 2);
    check(Array.isArray(list) && list.length >= 1 && list.length <= 256, 'not a receipt');
    const messages = list.map(ref);
    messages.forEach((m, i) => check(i === 0 || name(messages[i - 1].author, messages[i - 1].id) < name(m.author, m.id), 'out of order'));
    return { messages };
  },
  [kinds.typing]: (v) => {
    const [, active] = shape(v, 2);
    check(typeof active === 'boolean', 'not a boolean');
    return { active };
  },
  [kinds.timer]: (v) => ({ timer: timer(shape(v, 2)[1]) }),
};

/** parse reads the body of a message: { order, ... }. */
export const parse = (kind, raw, sentMs) => {
  if (kind === kinds.text) {
    const words = new TextDecoder('utf-8', { fatal: true }).decode(raw);
    text(words, 1);
    return { order: Math.max(1, sentMs), text: words, files: [], timer: { mode: 0, seconds: 0 } };
  }
  check(bodies[kind], 'not a kind of content');
  const v = decode(raw);
  const body = bodies[kind](v);
  check(Number.isSafeInteger(v[0]) && v[0] >= 1 && v[0] <= maxOrder, 'order');
  return { order: v[0], ...body };
};

/** greater says whether stamp a = [order, sent, id, digest] stands after b. */
const greater = (a, b) => {
  for (let i = 0; i < 4; i++) if (a[i] !== b[i]) return a[i] > b[i];
  return false;
};
const stampOf = (e, order) => [
  order,
  e.sentMs,
  bytesToHex(e.id),
  bytesToHex(sum('pars content event v1', e.author, e.device, e.id, e.sentMs, e.kind, decode(e.raw))),
];

/** Conversation keeps the events and works out what a person sees from all of them. */
export class Conversation {
  #events = [];

  constructor(peer) {
    this.peer = peer;
  }

  add(e) {
    if (e.kind === 0) this.#events.push({ ...e, gone: bytesToHex(e.body) });
    else if (e.kind === kinds.delivered) this.#events.push({ ...e, names: decode(e.body).map((id) => name(this.peer, id)) });
    else {
      const body = parse(e.kind, e.body, e.sentMs);
      this.#events.push({ ...e, what: body, stamp: stampOf({ ...e, raw: e.body }, body.order), names: body.messages?.map((m) => name(m.author, m.id)) });
    }
  }

  #of(kind) {
    return this.#events.filter((e) => e.kind === kind);
  }

  #last(list) {
    return list.reduce((a, b) => (!a || greater(b.stamp, a.stamp) ? b : a), undefined);
  }

  #post(ref) {
    const posts = this.#of(kinds.post).filter((e) => name(e.author, e.id) === ref);
    const first = posts.reduce((a, b) => (!a || greater(a.stamp, b.stamp) ? b : a), undefined);
    if (!first || this.#events.some((e) => e.gone === ref)) return undefined;
    const mine = (k) => this.#of(k).filter((e) => name(e.author, e.what.target) === ref);
    return {
      ref,
      first,
      conflict: posts.some((p) => p.stamp[3] !== first.stamp[3]),
      edit: this.#last(mine(kinds.edit)),
      deleted: mine(kinds.delete).length > 0,
    };
  }

  #receipts(ref, kind) {
    const out = new Map();
    for (const e of this.#of(kind)) {
      if (!e.names.includes(ref)) continue;
      const who = bytesToHex(e.author) + ' ' + bytesToHex(e.device);
      out.set(who, Math.min(e.sentMs, out.get(who) ?? Infinity));
    }
    return out;
  }

  #expires(post, me) {
    const { mode, seconds } = post.first.what.timer;
    if (mode === 0) return 0;
    let begin = post.first.sentMs;
    if (mode === 2 && bytesToHex(post.first.author) !== me) {
      const reads = [...this.#receipts(post.ref, kinds.read)].filter(([who]) => who.startsWith(me)).map(([, at]) => at);
      if (reads.length === 0) return 0;
      begin = Math.min(...reads);
    }
    return begin + seconds * 1000;
  }

  #quote(to, me, nowMs) {
    if (!to) return null;
    const out = { author: bytesToHex(to.author), id: bytesToHex(to.id), missing: true, deleted: false, text: '' };
    const post = this.#post(name(to.author, to.id));
    if (!post) return out;
    if (post.deleted) return { ...out, missing: false, deleted: true };
    const at = this.#expires(post, me);
    if (at && nowMs >= at) return out;
    return { ...out, missing: false, text: post.edit ? post.edit.what.text : post.first.what.text };
  }

  #item(post, me, nowMs) {
    const { first } = post;
    const author = bytesToHex(first.author);
    const base = { author, id: bytesToHex(first.id), sent_ms: first.sentMs, order: first.stamp[0] };
    if (post.deleted) {
      return { ...base, text: '', files: [], reply: null, edited_ms: 0, deleted: true, conflict: false, signs: [], receipts: [], read: false, expires_ms: 0 };
    }
    const expires = this.#expires(post, me);
    if (expires && nowMs >= expires) return undefined;
    const reactions = this.#of(kinds.reaction).filter((e) => name(e.what.target.author, e.what.target.id) === post.ref);
    const by = [...new Set(reactions.map((e) => bytesToHex(e.author)))].sort();
    const signs = by.map((p) => [p, this.#last(reactions.filter((e) => bytesToHex(e.author) === p)).what.sign]).filter(([, s]) => s !== '');
    const delivered = this.#receipts(post.ref, kinds.delivered);
    const read = this.#receipts(post.ref, kinds.read);
    const whos = [...new Set([...delivered.keys(), ...read.keys()])].sort();
    return {
      ...base,
      text: post.edit ? post.edit.what.text : first.what.text,
      files: first.what.files.map((f) => f.name),
      reply: this.#quote(first.what.reply, me, nowMs),
      edited_ms: post.edit ? post.edit.sentMs : 0,
      deleted: false,
      conflict: post.conflict,
      signs,
      receipts: whos
        .map((w) => [...w.split(' '), String(delivered.get(w) ?? ''), String(read.get(w) ?? '')])
        .filter(([p]) => p !== author && p !== me),
      read: author !== me && whos.some((w) => w.startsWith(me) && read.has(w)),
      expires_ms: expires,
    };
  }

  /** view returns what a person sees at a moment, in the shape of the vectors. */
  view(me, nowMs) {
    const refs = [...new Set(this.#of(kinds.post).map((e) => name(e.author, e.id)))].sort();
    const posts = refs.map((r) => this.#post(r)).filter((p) => p);
    const items = posts.map((p) => this.#item(p, me, nowMs)).filter((i) => i);
    items.sort((a, b) => a.order - b.order || a.sent_ms - b.sent_ms || (a.author + a.id < b.author + b.id ? -1 : 1));
    const set = this.#last(this.#of(kinds.timer));
    const signs = this.#of(kinds.typing);
    const writing = [...new Set(signs.map((e) => bytesToHex(e.author) + ' ' + bytesToHex(e.device)))]
      .map((w) => this.#last(signs.filter((e) => bytesToHex(e.author) + ' ' + bytesToHex(e.device) === w)))
      .filter((e) => e.what.active && bytesToHex(e.author) !== me && nowMs >= e.sentMs - typingFor && nowMs < e.sentMs + typingFor);
    return {
      me,
      now_ms: nowMs,
      items,
      timer: set ? [set.what.timer.mode, set.what.timer.seconds] : [0, 0],
      timer_by: set ? bytesToHex(set.author) : '00'.repeat(32),
      typing: [...new Set(writing.map((e) => bytesToHex(e.author)))].sort(),
      expired: posts
        .filter((p) => !p.deleted && this.#expires(p, me) && nowMs >= this.#expires(p, me))
        .map((p) => [p.ref.slice(0, 64), p.ref.slice(64)]),
    };
  }
}
