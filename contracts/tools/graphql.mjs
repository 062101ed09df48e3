#!/usr/bin/env node
// An outside implementation for tests: graphql-js over entities in memory. Reads
// one JSON request a line from standard input and answers each on a line of
// standard output.
//   {"registered": SDL, "whole": SDL} starts anew with a schema: as it was
//     registered, and as the node prints it; answered by {}.
//   {"put": [type, id, {field: value}]} and {"remove": [type, id]} change
//     entities; references are ids or null. Answered by {}.
//   {"query", "variables": JSON text} is answered by {"result": JSON text}, or by
//     {"errors": [...]}.
//   {"introspect": true} is answered by {"query", "result": JSON text}: the query
//     that tools introspect with, and its result.
import { createInterface } from "node:readline";
import { buildSchema, getIntrospectionQuery, getNamedType, graphqlSync, introspectionFromSchema, parse } from "graphql";

// EVERYTHING is what introspectionFromSchema asks for.
const EVERYTHING = { specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true, inputValueDeprecation: true, oneOf: true };
const SIGN = 1n << 255n;
let schema, derived, tables;

// number is a 256-bit number in 32 bytes.
const number = (n) => Buffer.from(n.toString(16).padStart(64, "0"), "hex");

// short is a text of at most 31 bytes in 32, with twice its length at the end.
function short(bytes) {
  const out = Buffer.alloc(32);
  bytes.copy(out);
  out[31] = 2 * bytes.length;
  return out;
}

// sortKey is what a field's values are ordered by.
function sortKey(type, value) {
  switch (type) {
    case "Int":
    case "BigInt":
      return number(BigInt(value) + SIGN);
    case "Boolean":
      return number(value ? 1n : 0n);
    case "Address":
      return number(BigInt(value));
    case "Bytes":
      return short(Buffer.from(value.slice(2), "hex"));
  }
  return short(Buffer.from(value, "utf8"));
}

const typeOf = (name, field) => getNamedType(schema.getType(name).getFields()[field].type).name;

function holds(name, row, key, want) {
  const [, field, op] = /^([A-Za-z0-9]+)(_gte|_gt|_lte|_lt)?$/.exec(key);
  const type = typeOf(name, field);
  if (tables[type]) return row.values[field] !== null && row.values[field] === tables[type].get(want);
  const d = Buffer.compare(sortKey(type, row.values[field]), sortKey(type, want));
  switch (op) {
    case "_gt":
      return d > 0;
    case "_gte":
      return d >= 0;
    case "_lt":
      return d < 0;
    case "_lte":
      return d <= 0;
  }
  return d === 0;
}

// connection is the page of rows that the arguments ask for.
function connection(name, rows, { first, after, where, orderBy, orderDirection }) {
  const wanted = Object.entries(where ?? {}).filter(([, v]) => v !== null && v !== undefined);
  const key = (row) => (orderBy ? sortKey(typeOf(name, orderBy), row.values[orderBy]) : Buffer.alloc(32));
  const place = (row) => Buffer.concat([key(row), number(BigInt(row.seq)).subarray(24)]);
  const from = after === null || after === undefined ? null : Buffer.from(after, "hex");
  if (from && !orderBy) from.fill(0, 0, 32);
  const sign = orderDirection === "desc" ? -1 : 1;
  const list = rows
    .filter((row) => wanted.every(([k, v]) => holds(name, row, k, v)))
    .sort((a, b) => sign * Buffer.compare(place(a), place(b)))
    .filter((row) => from === null || sign * Buffer.compare(place(row), from) > 0);
  const nodes = list.slice(0, first ?? 10);
  return {
    nodes: nodes.map((row) => object(name, row)),
    pageInfo: {
      endCursor: nodes.length ? place(nodes.at(-1)).toString("hex") : null,
      hasNextPage: list.length > nodes.length,
    },
  };
}

const live = (name) => [...tables[name].values()];

// object is a row as graphql-js resolves it.
function object(name, row) {
  if (!row || row.removed) return null;
  const out = { id: row.id };
  for (const field of Object.keys(schema.getType(name).getFields())) {
    const type = typeOf(name, field);
    const via = derived[`${name}.${field}`];
    if (via) {
      const target = type.replace(/Connection$/, "");
      out[field] = (args) => connection(target, live(target).filter((r) => r.values[via] === row), args);
    } else if (tables[type]) {
      out[field] = () => object(type, row.values[field]);
    } else if (field !== "id") {
      out[field] = row.values[field];
    }
  }
  return out;
}

const lower = (name) => name[0].toLowerCase() + name.slice(1);

let counts;
function start({ registered, whole }) {
  schema = buildSchema(whole);
  derived = {};
  tables = {};
  counts = {};
  for (const def of parse(registered).definitions) {
    tables[def.name.value] = new Map();
    counts[def.name.value] = 0;
    for (const f of def.fields) {
      for (const d of f.directives) {
        if (d.name.value === "derivedFrom") derived[`${def.name.value}.${f.name.value}`] = d.arguments[0].value.value;
      }
    }
  }
  return {};
}

function put([name, id, values]) {
  let row = tables[name].get(id);
  if (!row) {
    row = { id, seq: ++counts[name] };
    tables[name].set(id, row);
  }
  row.values = {};
  for (const [field, value] of Object.entries(values)) {
    const target = tables[typeOf(name, field)];
    row.values[field] = target ? (value === null ? null : target.get(value)) : value;
  }
  return {};
}

function remove([name, id]) {
  tables[name].get(id).removed = true;
  tables[name].delete(id);
  return {};
}

function query({ query, variables }) {
  const rootValue = {};
  for (const name of Object.keys(tables)) {
    rootValue[lower(name)] = ({ id }) => object(name, tables[name].get(id));
    rootValue[`${lower(name)}s`] = (args) => connection(name, live(name), args);
  }
  const result = graphqlSync({ schema, source: query, rootValue, variableValues: variables ? JSON.parse(variables) : undefined });
  if (result.errors) return { errors: result.errors.map((e) => e.message) };
  return { result: JSON.stringify(result) };
}

function answer(request) {
  if (request.whole) return start(request);
  if (request.put) return put(request.put);
  if (request.remove) return remove(request.remove);
  if (request.introspect) return { query: getIntrospectionQuery(EVERYTHING), result: JSON.stringify(introspectionFromSchema(schema)) };
  try {
    return query(request);
  } catch (e) {
    return { errors: [String(e)] };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\n");
}
