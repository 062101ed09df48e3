// Drives a node with viem: reads, a deployment, logs, a trace, and subscriptions
// over a WebSocket that is cut in between.
import assert from "node:assert/strict";
import { createPublicClient, createWalletClient, defineChain, http, webSocket } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { Inbox, key, proxy, store, url, word } from "./common.mjs";

const account = privateKeyToAccount(key);
const probe = createPublicClient({ transport: http(url) });
const chain = defineChain({
  id: await probe.getChainId(),
  name: "Pars",
  nativeCurrency: { name: "Pars", symbol: "PARS", decimals: 18 },
  rpcUrls: { default: { http: [url] } },
});
const node = createPublicClient({ chain, transport: http(url), pollingInterval: 50 });
const wallet = createWalletClient({ account, chain, transport: http(url) });
const sent = async (tx) => {
  const receipt = await node.waitForTransactionReceipt({ hash: await wallet.sendTransaction(tx) });
  assert.equal(receipt.status, "success");
  return receipt;
};

// A contract, deployed with viem's own choice of gas and fees.
const { contractAddress: to } = await sent({ data: store });
const receipt = await sent({ to, data: word(7) });
assert.equal(receipt.logs.length, 1);
assert.equal(receipt.logs[0].topics[0], word(7));

// Blocks: what is accepted is final, and pending comes after it.
const block = await node.getBlock({ blockNumber: receipt.blockNumber, includeTransactions: true });
assert.equal(block.hash, receipt.blockHash);
assert.ok(block.transactions.some((tx) => tx.hash === receipt.transactionHash && tx.from === account.address.toLowerCase()));
assert.deepEqual(await node.getBlock({ blockHash: block.hash, includeTransactions: true }), block);
for (const blockTag of ["safe", "finalized"]) {
  assert.ok((await node.getBlock({ blockTag })).number >= block.number);
}
const pending = await node.getBlock({ blockTag: "pending" });
assert.equal(pending.hash, null);
assert.ok(pending.number > block.number);
assert.equal((await node.getBlock({ blockTag: "earliest" })).number, 0n);

// Logs by every kind of filter.
const all = { address: to, fromBlock: 0n };
assert.equal((await node.getLogs(all)).length, 1);
assert.equal((await node.getLogs({ address: to, blockHash: block.hash })).length, 1);
assert.equal((await node.getLogs({ address: account.address, fromBlock: 0n })).length, 0);

// State, gas, fees, proofs and traces.
assert.equal((await node.call({ to })).data, word(7));
assert.equal((await node.call({ to, blockNumber: block.number - 1n })).data, word(0));
assert.equal(await node.getStorageAt({ address: to, slot: "0x0" }), word(7));
assert.ok((await node.estimateGas({ account, to, data: word(8) })) > 21000n);
assert.equal((await node.createAccessList({ account, to, data: word(8) })).accessList[0].storageKeys.length, 1);
assert.ok((await node.getFeeHistory({ blockCount: 2, rewardPercentiles: [25, 75] })).baseFeePerGas.every((fee) => fee > 0n));
assert.ok((await node.estimateFeesPerGas()).maxFeePerGas > 0n);
const proof = await node.getProof({ address: to, storageKeys: [word(0)] });
assert.equal(proof.storageProof[0].value, 7n);
const nonce = await node.getTransactionCount({ address: account.address });
assert.equal(await node.getTransactionCount({ address: account.address, blockTag: "pending" }), nonce);
const call = await node.request({
  method: "debug_traceTransaction",
  params: [receipt.transactionHash, { tracer: "callTracer", tracerConfig: { withLog: true } }],
});
assert.equal(call.logs.length, 1);

// Errors arrive as errors.
await assert.rejects(node.getBlock({ blockNumber: 10n ** 9n }), { name: "BlockNotFoundError" });
await assert.rejects(wallet.sendTransaction({ to, data: word(1), nonce: 0 }), /nonce/i);

// Heads and logs over a WebSocket, before and after the connection is lost.
const net = await proxy();
const transport = webSocket(net.ws, { reconnect: { attempts: 50, delay: 50 }, keepAlive: false });
const live = createPublicClient({ chain, transport });
const heads = new Inbox();
const logs = new Inbox();
const subscribe = () => [
  live.watchBlockNumber({ onBlockNumber: (n) => heads.push(n), onError: () => {}, poll: false }),
  live.watchEvent({ address: to, onLogs: (l) => l.forEach((x) => logs.push(x)), onError: () => {}, poll: false }),
];
const stops = subscribe();
await live.getBlockNumber(); // the subscriptions were asked for before this
const check = async (n) => {
  const { blockNumber, transactionHash } = await sent({ to, data: word(n) });
  await heads.want((h) => h >= blockNumber);
  const log = await logs.want((l) => l.topics[0] === word(n));
  assert.equal(log.transactionHash, transactionHash);
};
await check(100);
net.cut();
// viem connects again and renews its subscriptions; a call shows when it has.
for (let up = false; !up; ) {
  up = await live.getBlockNumber({ cacheTime: 0 }).then(
    () => true,
    () => new Promise((resolve) => setTimeout(resolve, 50)),
  );
}
await check(101);
stops.forEach((stop) => stop());
net.close();
console.log(JSON.stringify({ client: "viem", contract: to, block: Number(receipt.blockNumber), gas: Number(receipt.gasUsed) }));
process.exit(0);
