// VS Code's own client libraries at /ws/lsp, over the `ws` package: opens a file, asks, hears diagnostics, renames, leaves.
// node lsp.mjs URL KEY; says one line of JSON.
import { toSocket, WebSocketMessageReader, WebSocketMessageWriter } from "vscode-ws-jsonrpc";
import { createMessageConnection } from "vscode-jsonrpc/node.js";
import {
  CompletionRequest,
  DefinitionRequest,
  DidCloseTextDocumentNotification,
  DidOpenTextDocumentNotification,
  ExitNotification,
  HoverRequest,
  InitializedNotification,
  InitializeRequest,
  PublishDiagnosticsNotification,
  RegistrationRequest,
  RenameRequest,
  ShutdownRequest,
} from "vscode-languageserver-protocol/node.js";
import { WebSocket } from "ws";

const [url, key] = process.argv.slice(2);
const uri = "file:///workspace/main.py";
const text = 'import os\nfrom library import area\n\ntotal: str = area(2, 3)\n';
const web = new WebSocket(url, { headers: { Authorization: `Bearer ${key}` } });
await new Promise((resolve, reject) => web.once("open", resolve).once("error", reject));
const closed = new Promise((resolve) => web.once("close", resolve));
const socket = toSocket(web);
const connection = createMessageConnection(new WebSocketMessageReader(socket), new WebSocketMessageWriter(socket));
const codes = new Set();
let heard;
const diagnosed = new Promise((resolve) => (heard = resolve));
connection.onNotification(PublishDiagnosticsNotification.type, ({ diagnostics }) => {
  for (const one of diagnostics) codes.add(one.code);
  if (codes.has("F401") && codes.has("invalid-assignment")) heard();
});
connection.onRequest(RegistrationRequest.type, () => {});
connection.listen();

const { capabilities } = await connection.sendRequest(InitializeRequest.type, {
  processId: process.pid,
  rootUri: "file:///workspace",
  capabilities: {},
});
await connection.sendNotification(InitializedNotification.type, {});
await connection.sendNotification(DidOpenTextDocumentNotification.type, {
  textDocument: { uri, languageId: "python", version: 1, text },
});
const position = { line: 3, character: 14 };
const about = { textDocument: { uri }, position };
const hover = await connection.sendRequest(HoverRequest.type, about);
const definition = await connection.sendRequest(DefinitionRequest.type, about);
const completion = await connection.sendRequest(CompletionRequest.type, about);
const rename = await connection.sendRequest(RenameRequest.type, { ...about, newName: "surface" });
await diagnosed;
await connection.sendNotification(DidCloseTextDocumentNotification.type, { textDocument: { uri } });
await connection.sendRequest(ShutdownRequest.type);
await connection.sendNotification(ExitNotification.type);
const code = await closed;
console.log(
  JSON.stringify({
    hover: JSON.stringify(hover),
    definition: [definition].flat()[0].uri,
    completions: (completion.items ?? completion).map((one) => one.label),
    renamed: (rename.documentChanges ?? Object.keys(rename.changes)).map((one) => one.textDocument?.uri ?? one),
    renames: Boolean(capabilities.renameProvider),
    code,
  }),
);
