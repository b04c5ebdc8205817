"""What a repository without a compose file gets runs as it stands: a proposal for each stack but Java, with what its language
brings; a Procfile; a devcontainer.json."""

import asyncio
import contextlib
import json

import pytest
from msgspec import structs

from tests import require
from tests.workbench.test_services import IMAGE, stack
from tests.workbench.test_templates_catalogue import ask

__all__ = ["stack"]  # a fixture
pytestmark = pytest.mark.docker

NODE = "require('http').createServer((_, answer) => answer.end('node says hello')).listen(process.env.PORT)"
GO = """\
package main

import "net/http"

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("go says hello")) })
	http.ListenAndServe(":8080", nil)
}
"""
RUST = """\
use std::io::{Read, Write};
fn main() {
    for asked in std::net::TcpListener::bind("0.0.0.0:8080").unwrap().incoming().flatten() {
        let mut asked = asked;
        let _ = asked.read(&mut [0; 1024]);
        let _ = asked.write_all(b"HTTP/1.0 200 OK\\r\\n\\r\\nrust says hello");
    }
}
"""
RUBY = """\
require "socket"
words = ARGV.each_slice(2).to_h # as Sinatra takes them
server = TCPServer.new(words["-o"], words["-p"].to_i)
while (asked = server.accept)
  asked.readpartial(1024) rescue nil
  asked.write("HTTP/1.0 200 OK\\r\\n\\r\\nruby says hello")
  asked.close
end
"""


@pytest.mark.parametrize(
    ("image", "language", "files"),
    [
        ("node", "node", {"package.json": '{"scripts": {"start": "node server.js"}}', "server.js": NODE}),
        ("python", "python", {"main.py": "from wsgiref.simple_server import demo_app, make_server\n"
                              "make_server('', 8000, demo_app).serve_forever()"}),
        ("golang", "go", {"go.mod": "module hello\n\ngo 1.24\n", "main.go": GO}),
        ("rust", "rust", {"Cargo.toml": '[package]\nname = "hello"\nversion = "1.0.0"\n', "src/main.rs": RUST}),
        ("ruby", "ruby", {"Gemfile": "# frozen_string_literal: true\n", "app.rb": RUBY}),
        ("php", "php", {"composer.json": "{}", "public/index.php": "<?= 'php says hello' ?>"}),
        ("python", "static", {"public/index.html": "<h1>static says hello</h1>"}),
    ],
)  # fmt: skip
async def test_a_proposal_runs_as_it_stands_and_answers(stack, image, language, files):
    require.images(image)
    for path, content in files.items():
        await stack.write(path, content)
    found = (await stack.client.get(f"{stack.path}/services")).json()["proposal"]
    await stack.declare(found["compose"])
    await stack.well("run-all")
    [web] = (await stack.services()).values()
    assert (web["state"], web["health"]["status"]) == ("running", "healthy"), web
    said = await said_by(stack, "web")
    assert ("Hello world!" if language == "python" else f"{language} says hello") in said, found


API = """\
import os, asyncpg, fastapi

app = fastapi.FastAPI()


@app.get("/")
async def answer():
    database = await asyncpg.connect(os.environ["DATABASE_URL"])
    return await database.fetchval("SELECT 6 * 7")
"""
PACKAGE = {"private": True, "scripts": {"dev": "vite"}, "devDependencies": {"vite": "7.0.0"}}


async def test_a_program_and_its_database_run_as_proposed_with_a_password_made_at_the_first_start(stack):
    require.images("python", "postgres")
    await stack.write("requirements.txt", "fastapi\nuvicorn\nasyncpg\n")
    await stack.write("main.py", API)
    found = (await stack.client.get(f"{stack.path}/services")).json()["proposal"]
    await stack.declare(found["compose"])
    assert (await stack.client.get(f"{stack.path}/services")).json()["problems"] == []
    await stack.well("run-all")
    assert (await said_by(stack, "web")).endswith("42")
    await stack.well("restart", "postgres")  # which keeps the password that it was given first
    assert (await said_by(stack, "web")).endswith("42")
    variables = await stack.client.get(f"/workspace/{stack.session['workspace_id']}/variables")
    assert [one["name"] for one in variables.json()["items"]] == ["POSTGRES_PASSWORD"]


async def test_a_server_of_development_takes_the_names_of_previews_for_its_own(stack, resources, monkeypatch):
    monkeypatch.setattr(
        resources, "settings", structs.replace(resources.settings, preview_domain="previews.example.net")
    )
    require.images("node")
    await stack.write("package.json", json.dumps(PACKAGE))
    await stack.write("index.html", "<h1>The page</h1>")
    await stack.declare((await stack.client.get(f"{stack.path}/services")).json()["proposal"]["compose"])
    await stack.well("run-all")
    assert "The page" in await said_by(stack, "web", host="web--1234567890.previews.example.net")
    assert "403 Forbidden" in await said_by(stack, "web", host="web.example.net")


PROCFILE = """\
release: python -c "open('released', 'w').write('once')"
web: gunicorn --bind 0.0.0.0:$PORT app:app
worker: python -c "import time; print('working', flush=True); time.sleep(600)"
"""
APP = """\
def app(asked, answer):
    answer("200 OK", [])
    return [open("released").read().encode()]
"""


async def test_a_procfile_runs_as_it_stands(stack):
    require.images("python")
    for path, content in {"Procfile": PROCFILE, "requirements.txt": "gunicorn==23.0.0\n", "app.py": APP}.items():
        await stack.write(path, content)
    await stack.well("run-all")
    states = {name: one["state"] for name, one in (await stack.services()).items()}
    assert states == {"release": "exited", "web": "running", "worker": "running"}
    assert (await said_by(stack, "web")).endswith("once")
    await stack.says("worker", 1)


DEVCONTAINER = """\
{
  // as editors write it
  "name": "Work",
  "build": {"dockerfile": "Dockerfile", "args": {"WORD": "built"}},
  "containerEnv": {"WORD": "told"},
  "forwardPorts": [8000],
  "postCreateCommand": "echo \\"$(cat /word) $WORD\\" > index.html",
  "postStartCommand": "python3 -m http.server 8000",
}
"""
DOCKERFILE = "FROM python:3.11\nARG WORD\nRUN echo $WORD > /word\n"


async def test_a_devcontainer_runs_as_it_stands(stack):
    require.images("python")
    await stack.write(".devcontainer/devcontainer.json", DEVCONTAINER)
    await stack.write(".devcontainer/Dockerfile", DOCKERFILE)
    await stack.well("run-all")
    assert (await said_by(stack, "work")).endswith("built told\n")


async def said_by(stack, service, host="localhost") -> str:
    """What it answers at `/` on its first port, once it listens there."""
    [port, *_] = (await stack.services())[service]["ports"]
    asked = f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode()
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(OSError):
                return await ask(
                    stack.resources, stack.session["id"], service, port["target"], asked, until_closed=True
                )
            await asyncio.sleep(0.1)


MADE = f"""\
x-codeyard:
  variables: [{{name: PASSWORD, generate: password}}]
services:
  web:
    image: {IMAGE}
    command: [sleep, "600"]
    init: true
    environment: {{PASSWORD: "$PASSWORD"}}
    stop_grace_period: 0s
"""


async def test_a_value_that_was_made_and_forgotten_is_made_again_by_who_starts_it_not_by_a_text_that_all_know(stack):
    await stack.declare(MADE)
    await stack.well("run-all")
    _, first = await stack.inside("web", "echo $PASSWORD")
    assert len(first.strip()) == 32
    gone = await stack.client.delete(f"/workspace/{stack.session['workspace_id']}/variables/PASSWORD")
    assert gone.status_code == 204
    await stack.inside("web", "kill -9 $(pidof sleep)")
    stopped = await stack.until("web", state="failed")
    assert stopped["reason"]["code"] == "variable_missing", stopped
    await stack.well("run-all")
    _, second = await stack.inside("web", "echo $PASSWORD")
    assert len(second.strip()) == 32 and second != first
