// The bare forwarder that vscode-ws-jsonrpc's own examples build: a socket in front, a language server's standard streams
// behind, nothing between. node forward.mjs ROOT COMMAND…; says its port.
import { createProcessStreamConnection, createWebSocketConnection, forward } from "vscode-ws-jsonrpc/server";
import { toSocket } from "vscode-ws-jsonrpc";
import { spawn } from "node:child_process";
import { WebSocketServer } from "ws";

const [root, command, ...words] = process.argv.slice(2);
const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
server.on("listening", () => console.log(server.address().port));
server.on("connection", (web) => {
  const socket = toSocket(web);
  const front = createWebSocketConnection(socket);
  const behind = createProcessStreamConnection(spawn(command, words, { cwd: root }));
  forward(front, behind);
});
