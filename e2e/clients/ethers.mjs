// Drives a node with ethers: reads, a deployment, logs, a trace, and
// subscriptions over a WebSocket that is cut in between.
import assert from "node:assert/strict";
import { ContractFactory, JsonRpcProvider, Wallet, WebSocketProvider } from "ethers";
import { Inbox, key, proxy, store, url, word } from "./common.mjs";

// ethers answers a repeated question from memory for 250 ms. Here a block may
// come sooner than that, and an old nonce with it, so the memory is off.
const node = new JsonRpcProvider(url, undefined, { pollingInterval: 50, cacheTimeout: -1 });
const wallet = new Wallet(key, node);
const sent = async (tx) => {
  const receipt = await (await wallet.sendTransaction(tx)).wait();
  assert.equal(receipt.status, 1);
  return receipt;
};

// A contract, deployed with ethers' own choice of gas and fees.
const contract = await new ContractFactory([], store, wallet).deploy();
await contract.waitForDeployment();
const to = await contract.getAddress();
const receipt = await sent({ to, data: word(7) });
assert.equal(receipt.logs.length, 1);
assert.equal(receipt.logs[0].topics[0], word(7));

// Blocks: what is accepted is final, and pending comes after it.
const block = await node.getBlock(receipt.blockNumber, true);
assert.equal(block.hash, receipt.blockHash);
assert.ok(block.prefetchedTransactions.some((tx) => tx.hash === receipt.hash && tx.from === wallet.address));
assert.equal((await node.getBlock(block.hash)).number, block.number);
for (const tag of ["safe", "finalized", "latest"]) assert.ok((await node.getBlock(tag)).number >= block.number);
const pending = await node.getBlock("pending");
assert.equal(pending.hash, null);
assert.ok(pending.number > block.number);

// Logs by every kind of filter.
assert.equal((await node.getLogs({ address: to, fromBlock: 0 })).length, 1);
assert.equal((await node.getLogs({ address: to, blockHash: block.hash })).length, 1);
assert.equal((await node.getLogs({ topics: [word(7)], address: to, fromBlock: 0, toBlock: "latest" })).length, 1);

// State, gas, fees and traces.
assert.equal(await node.call({ to }), word(7));
assert.equal(await node.call({ to, blockTag: block.number - 1 }), word(0));
assert.equal(await node.getStorage(to, 0), word(7));
assert.ok((await node.estimateGas({ from: wallet.address, to, data: word(8) })) > 21000n);
assert.ok((await node.getFeeData()).maxFeePerGas > 0n);
const nonce = await wallet.getNonce("latest");
assert.equal(await wallet.getNonce("pending"), nonce);
const call = await node.send("debug_traceTransaction", [receipt.hash, { tracer: "callTracer" }]);
assert.equal(call.to, to.toLowerCase());

// Errors arrive as errors.
assert.equal(await node.getBlock(10 ** 9), null);
assert.equal(await node.getTransactionReceipt(word(1)), null);
await assert.rejects(wallet.sendTransaction({ to, data: word(1), nonce: 0 }), { code: "NONCE_EXPIRED" });

// Heads and logs over a WebSocket. ethers leaves it to the program to connect
// again after a loss, so this one does.
const net = await proxy();
const heads = new Inbox();
const logs = new Inbox();
const connections = new Inbox();
let live;
let wanted = true;
async function connect(number) {
  live = new WebSocketProvider(net.ws);
  live.websocket.onerror = () => {};
  live.websocket.onclose = () => {
    live.destroy().catch(() => {});
    if (wanted) setTimeout(connect, 50, number + 1);
  };
  await live.on("block", (n) => heads.push(n));
  await live.on({ address: to }, (log) => logs.push(log));
  await live.send("eth_blockNumber", []); // the subscriptions were asked for before this
  connections.push(number);
}
const check = async (n) => {
  const { blockNumber, hash } = await sent({ to, data: word(n) });
  await heads.want((h) => h >= blockNumber);
  const log = await logs.want((l) => l.topics[0] === word(n));
  assert.equal(log.transactionHash, hash);
};
await connect(0);
await check(100);
net.cut();
await connections.want((n) => n >= 1);
await check(101);
wanted = false;
net.close();
console.log(JSON.stringify({ client: "ethers", contract: to, block: receipt.blockNumber, gas: Number(receipt.gasUsed) }));
process.exit(0);
