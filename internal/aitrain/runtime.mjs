// Runs ONNX files in onnxruntime-web, for tests that compare with it. Each line
// of input asks for a file with many inputs, given as the whole numbers behind
// them, and gets a line with all outputs behind each other:
//
//   {"file":PATH,"dims":[1,784],"scale":0,"zero":0,"size":784,"inputs":BASE64}
//   {"kind":"uint8","outputs":BASE64}  or  {"error":TEXT}
//
// A scale other than 0 makes floats of the whole numbers: scale * (n - zero).
import { createInterface } from "node:readline";
import * as ort from "onnxruntime-web";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
const sessions = new Map();

async function answer({ file, dims, scale, zero, size, inputs }) {
  if (!sessions.has(file)) {
    sessions.set(file, await ort.InferenceSession.create(file, { executionProviders: ["wasm"], logSeverityLevel: 3 }));
  }
  const session = sessions.get(file);
  const all = new Uint8Array(Buffer.from(inputs, "base64"));
  const out = [];
  let kind = "";
  for (let at = 0; at < all.length; at += size) {
    const whole = all.slice(at, at + size);
    let tensor = new ort.Tensor("uint8", whole, dims);
    if (scale !== 0) {
      tensor = new ort.Tensor("float32", Float32Array.from(whole, (n) => Math.fround(scale * (n - zero))), dims);
    }
    const result = (await session.run({ [session.inputNames[0]]: tensor }))[session.outputNames[0]];
    kind = result.type;
    const { buffer, byteOffset, byteLength } = result.data;
    out.push(Buffer.from(buffer, byteOffset, byteLength));
  }
  return { kind, outputs: Buffer.concat(out).toString("base64") };
}

for await (const line of createInterface({ input: process.stdin })) {
  let reply;
  try {
    reply = await answer(JSON.parse(line));
  } catch (e) {
    reply = { error: String(e) };
  }
  process.stdout.write(JSON.stringify(reply) + "\n");
}
