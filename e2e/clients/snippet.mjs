// Runs the TypeScript example of a documentation page, which is JavaScript too,
// against NODE_URL. SNIPPET is its text, GIVEN the values of the names that it
// uses without defining them, RESULT the expression to print.
import { writeFileSync, rmSync } from "node:fs";

const { NODE_URL: url, SNIPPET: snippet, GIVEN: given, RESULT: result } = process.env;
if (!snippet.includes("http://127.0.0.1:8545")) throw new Error("the example names no node");

// A module of its own beside this one, so that its imports are found here.
const file = new URL(`./snippet-${process.pid}.tmp.mjs`, import.meta.url);
const names = Object.entries(JSON.parse(given)).map(([name, value]) => `const ${name} = ${literal(value)};`);
function literal(value) {
  if (Array.isArray(value)) return `[${value.map(literal)}]`;
  return /^\d+n$/.test(value) ? value : JSON.stringify(value);
}
writeFileSync(file, `${names.join("\n")}\n${snippet.replaceAll("http://127.0.0.1:8545", url)}\nexport default ${result};\n`);
try {
  const { default: answer } = await import(file);
  process.stdout.write(JSON.stringify(answer, (_, v) => (typeof v === "bigint" ? v.toString() : v)));
} finally {
  rmSync(file);
}
