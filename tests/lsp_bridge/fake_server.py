"""A language server that does what it is told, faults too: commands (workspace/executeCommand) make it. Standard library
only, blocking: it answers in order."""

import json
import os
import sys
import time

NAME = sys.argv[1] if len(sys.argv) > 1 else "fake"
FLAGS = set(sys.argv[2:])
documents: dict[str, dict] = {}
heard: list[dict] = []
offered: dict = {}  # what its code actions change


def write(raw: bytes) -> None:
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()


def send(message: object) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    write(b"Content-Length: %d\r\n\r\n" % len(body) + body)


def read() -> dict:
    length = 0
    while (line := sys.stdin.buffer.readline()) != b"\r\n":
        if not line:
            sys.exit(0)
        if line.lower().startswith(b"content-length"):
            length = int(line.split(b":")[1])
    return json.loads(sys.stdin.buffer.read(length))


def ask(method: str, params: object) -> dict:
    """A question to the client; what comes meanwhile is only remembered."""
    send({"id": "mine", "method": method, "params": params})
    while True:
        message = read()
        if message.get("id") == "mine" and "method" not in message:
            return message
        heard.append(message)


def apply(document: dict, change: dict) -> None:
    if "range" not in change:
        document["text"] = change["text"]
        return
    lines = document["text"].split("\n")
    at = [sum(len(line) + 1 for line in lines[: p["line"]]) + p["character"] for p in change["range"].values()]
    document["text"] = document["text"][: at[0]] + change["text"] + document["text"][at[1] :]


def command(name: str, args: list) -> object:
    match name.partition(".")[2]:
        case "documents":
            return documents
        case "lengths":
            return {uri: len(one["text"]) for uri, one in documents.items()}
        case "heard":
            return [one for one in heard if not args or one.get("method") == args[0]]
        case "ask":
            return ask(*args)
        case "tell":
            for method, params in args:
                send({"method": method, "params": params})
        case "raw":
            write(args[0].encode("latin-1") * (args[1] if len(args) > 1 else 1))
        case "crash":
            sys.stderr.write("Traceback: it is broken\n")
            sys.stderr.flush()
            os._exit(3)
        case "hang":
            time.sleep(1000)
        case "offer":
            offered["edit"] = args[0]
        case "large":
            return "x" * args[0]
        case "memory":
            documents["held"] = {"text": "x" * args[0]}
        case "return":
            return args[0]
        case "environment":
            return dict(os.environ)
    return None


def capabilities() -> dict:
    names = (
        "documents",
        "lengths",
        "heard",
        "ask",
        "tell",
        "raw",
        "crash",
        "hang",
        "offer",
        "large",
        "memory",
        "return",
        "environment",
    )
    found = {
        "textDocumentSync": {"openClose": True, "change": 1 if "--full" in FLAGS else 2, "save": {"includeText": True}},
        "executeCommandProvider": {"commands": [f"{NAME}.{one}" for one in names]},
        "completionProvider": {"triggerCharacters": [NAME[0]], "resolveProvider": True},
        "hoverProvider": True,
        "codeActionProvider": {"codeActionKinds": ["quickfix"], "resolveProvider": True},
        "documentFormattingProvider": True,
        "definitionProvider": True,
        "renameProvider": True,
    }
    return found | ({"semanticTokensProvider": {"legend": {}}} if "--tokens" in FLAGS else {})


def answer(method: str, params: dict) -> object:
    if method == "initialize":
        while "--never" in FLAGS:
            time.sleep(1000)
        return {"capabilities": capabilities(), "serverInfo": {"name": NAME, "version": "1"}}
    uri = params["textDocument"]["uri"] if "textDocument" in params else ""
    match method:
        case "workspace/executeCommand":
            return command(params["command"], params.get("arguments", []))
        case "textDocument/completion":
            return [{"label": f"of {NAME}", "data": {"uri": uri}}]
        case "textDocument/hover":
            return {"contents": {"kind": "markdown", "value": f"{NAME} {documents[uri]['version']}"}}
        case "textDocument/codeAction":
            sources = [one.get("source") for one in params["context"]["diagnostics"]]
            return [{"title": f"of {NAME}", "kind": "quickfix", "data": sources} | offered]
        case "completionItem/resolve" | "codeAction/resolve":
            return params | {"detail": f"resolved by {NAME}"} | (offered if method.startswith("code") else {})
        case "textDocument/formatting":
            return [{"newText": f"formatted by {NAME}"}]
        case "textDocument/definition":
            return [{"uri": uri, "range": None}]
        case "textDocument/rename":
            change = {"textDocument": {"uri": params["newName"], "version": 77}, "edits": []}
            return {"documentChanges": [change]}
    return None


def main() -> None:
    if "--crash" in FLAGS:
        sys.stderr.write("it never starts\n")
        os._exit(7)
    while True:
        message = heard.pop(0) if heard and "id" in heard[0] and "done" not in heard[0] else read()
        method, params = message.get("method"), message.get("params") or {}
        heard.append(message | {"done": True})
        match method:
            case "textDocument/didOpen":
                documents[params["textDocument"]["uri"]] = dict(params["textDocument"])
            case "textDocument/didChange":
                document = documents[params["textDocument"]["uri"]]
                document["version"] = params["textDocument"]["version"]
                for change in params["contentChanges"]:
                    apply(document, change)
            case "textDocument/didClose":
                del documents[params["textDocument"]["uri"]]
            case "exit":
                return
        if "id" in message and method:
            send({"id": message["id"], "result": answer(method, params)})


main()
