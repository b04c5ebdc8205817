"""A CI job needs nothing but an API key and curl: the README's lines, in turn, with a key of the scopes that it names."""

import json
import re
import subprocess

from tests.require import program
from tests.server import ROOT, Server
from tests.workbench.yard import by_hand

README = (ROOT / "README.md").read_text()


def test_the_readmes_lines_lead_from_a_clone_to_a_merge(tmp_path):
    program("curl", "curl", "curl")
    by_hand(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "Makefile").write_text("test:\n\t@cat hello.txt\n")
    by_hand(tmp_path, "add", "-A")
    by_hand(tmp_path, "commit", "-qm", "First")
    _, _, rest = README.partition('AUTH="Authorization: Bearer')
    lines, _, after = rest.partition("```")
    scopes = sorted(set(re.findall(r"`(\w+:write|admin)`", after.partition("\n\n`run`")[0])))
    assert len(scopes) == 7
    here = {"https://example.com/you/project.git": f"file://{tmp_path}", "https://ci.example.com": "http://127.0.0.1:9"}
    with Server(CODEYARD_ALLOW_PRIVATE_WEBHOOKS="1", CODEYARD_ALLOW_UNISOLATED="1") as server:
        key = {"name": "ci", "scopes": scopes}
        key = server.ask("POST", f"/organizations/{server.organization_id}/api-keys", key)["key"]
        known = {"AUTH": f"Authorization: Bearer {key}", "AT": f"http://127.0.0.1:{server.port}/api/v1"}
        answers = {}
        for line in re.findall(r"^curl .*$", lines, re.MULTILINE):
            for theirs, ours in here.items():
                line = line.replace(theirs, ours)
            words = ["sh", "-c", line.replace("curl", "curl --silent --fail-with-body", 1)]
            done = subprocess.run(words, env=known, capture_output=True, text=True, check=False)
            assert done.returncode == 0, (line, done)
            said = json.loads(done.stdout)
            call = re.findall(r"[\w-]+(?= -d)", line)[0]
            answers[call] = said
            match call:
                case "workspace":
                    known |= {"WORKSPACE": said["id"], "ORGANIZATION": said["organization_id"]}
                case "sessions":
                    known["SESSION"] = said["id"]
                case "pull-requests":
                    known["NUMBER"] = str(said["number"])
        assert (answers["run"]["exit_code"], answers["run"]["output"]) == (0, "hi\n")
        assert answers["merge"]["state"] == "merged" and answers["webhooks"]["secret"].startswith("whsec_")
