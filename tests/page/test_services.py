"""Services on the page, with answers in place of an engine's: states, operations, logs, preview, databases, templates."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.page.axe import violations
from tests.page.mock import Mock, asked_for, events, operation, service, stack
from tests.page.steps import create, sign_in
from tests.page.yard import picture

pytestmark = pytest.mark.browser

NOW = datetime.now(UTC)
WEB = service(
    1, "web", icon="vite", image="node:24", state="running", desired="running", line=2, ports=[
        {"target": 5173, "protocol": "tcp", "preview_url": "http://web--0000000000.localhost:1", "visibility": "organization"},
    ],
    install_command="npm install", start_command="npm run dev", started_at=(NOW - timedelta(minutes=73)).isoformat(),
    health={"status": "healthy", "log": ""}, depends_on=[{"service": "api", "condition": "service_healthy"}],
    environment=[
        {"name": "API_URL", "value": "http://api:8000", "secret": False},
        {"name": "TOKEN", "value": None, "secret": True},
    ],
    volumes=["page:/app"], limits={"cpus": 1, "memory_bytes": 512 << 20, "pids": 0},
)  # fmt: skip
API = service(
    2, "api", icon="fastapi", build=True, state="failed", desired="running", line=14, restarts=3, exit_code=1,
    ports=[{"target": 8000, "protocol": "tcp", "preview_url": "http://api--0000000000.localhost:1", "visibility": "owner"}],
    reason={
        "code": "image_not_found", "message": "The image python:3.99 was not found.",
        "remedy": "Is it spelt right? If it is private, add credentials.",
    },
)  # fmt: skip
DB = service(
    3, "db", kind="database", icon="postgres", image="postgres:15", state="running", desired="running", line=25,
    ports=[{"target": 5432, "protocol": "tcp", "preview_url": None, "visibility": "organization"}],
    started_at=(NOW - timedelta(minutes=74)).isoformat(), health={"status": "healthy", "log": ""},
    volumes=["db-data:/var/lib/postgresql/data"], restart_needed=True,
)  # fmt: skip
LINES = [
    {"at": f"2026-01-01T10:00:{n % 60:02}.000000000Z", "stream": "stderr" if n % 9 == 4 else "stdout", "text": text}
    for n, text in enumerate(
        [f"\x1b[2m[vite]\x1b[0m \x1b[32mhot update\x1b[0m /src/part{n}.tsx \x1b[36m{n} ms\x1b[0m" for n in range(400)]
        + ["<img src=x onerror=alert(1)> \x1b[1;31mTypeError\x1b[0m: nothing to read", "the very last line"]
    )
]
COMPOSE = "services:\n" + "".join(f"  # line {n}\n" for n in range(2, 60))


def samples(row, cpu, memory):
    return [
        {
            "service_id": row["id"], "at": (NOW - timedelta(seconds=60 - n)).isoformat(), "cpu": cpu * (1 + n * 7 % 11) / 6,
            "memory_bytes": int(memory * (0.8 + n / 300)), "memory_limit_bytes": 512 << 20, "received_bps": 0, "sent_bps": 0,
            "read_bps": 0, "written_bps": 0, "pids": 3,
        }
        for n in range(60)
    ]  # fmt: skip


def table(name, *columns, kind="table", **words):
    found = [
        {"name": c, "type": t, "nullable": c != "id", "default": None, "primary_key": c == "id"} for c, t in columns
    ]
    return {"name": name, "kind": kind, "rows_estimate": 1200, "bytes": 98304, "columns": found, "foreign_keys": [],
            "indexes": [], **words}  # fmt: skip


SCHEMA = {
    "schemas": [
        {
            "name": "public",
            "tables": [
                table("customers", ("id", "bigint"), ("name", "text"), ("email", "text"), ("notes", "jsonb")),
                table(
                    "orders", ("id", "bigint"), ("customer_id", "bigint"), ("total", "numeric"),
                    foreign_keys=[
                        {
                            "columns": ["customer_id"],
                            "references": {"schema": "public", "table": "customers", "columns": ["id"]},
                        }
                    ],
                    indexes=[{"name": "orders_pkey", "columns": ["id"], "unique": True}],
                ),
                table("open_orders", ("id", "bigint"), kind="view", rows_estimate=None, bytes=None),
            ],
        },
        {"name": "audit", "tables": []},
    ],
    "truncated": False,
}  # fmt: skip
COLUMNS = [{"name": "id", "type": "bigint"}, {"name": "name", "type": "text"}, {"name": "notes", "type": "jsonb"}]
ROWS = [[n, f"Customer {n}", None if n % 3 else {"vip": True, "since": 2000 + n}] for n in range(1, 101)]
TEMPLATES = [
    {
        "id": "full-stack", "name": "Full stack", "description": "A page, an API and a PostgreSQL database.",
        "icon": "full-stack", "services": ["page", "api", "db"], "tags": ["page"],
        "techstacks": [{"name": n, "icon": i} for n, i in (("Vite", "vite"), ("FastAPI", "fastapi"), ("PostgreSQL", "pg"))],
        "variables": [
            {"name": "REGION", "description": "Where it says it is.", "default": None, "generated": False},
            {"name": "POSTGRES_PASSWORD", "description": "Of the database.", "default": None, "generated": True},
        ],
    },
    {
        "id": "go", "name": "Go", "description": "A web server of the standard library.", "icon": "go", "services": ["web"],
        "tags": [], "techstacks": [{"name": "Go", "icon": "go"}], "variables": [],
    },
]  # fmt: skip


@pytest.fixture
def tolerated():
    """Chromium logs each answer that is no success; here they are asked for."""
    return ["status of 409", "status of 422"]


@pytest.fixture
def mock(page: Page, server) -> Mock:
    """A session open at its services, which are the three above."""
    mock = Mock(page)
    sign_in(page, server)
    create(page, "stack")
    mock.session = page.url.rsplit("/", 1)[1]
    mock.answers |= {
        "GET /services": stack(WEB, API, DB),
        "GET /metrics": events("sample", *samples(WEB, 0.12, 84 << 20), *samples(DB, 0.02, 41 << 20)),
        **{f"GET /services/{row['id']}/logs": events("lines", LINES) for row in (WEB, API, DB)},
    }
    page.get_by_role("button", name="Services").click()
    expect(row(page, "web")).to_be_visible()
    return mock


def row(page: Page, name: str):
    return page.get_by_role("list", name="Services").get_by_role("listitem").filter(
        has=page.get_by_text(name, exact=True)
    )  # fmt: skip


def runs(request):
    return operation("start", "queued", [{"service": "api"}], position=3, estimate_seconds=11.4)


def test_each_service_says_how_it_is_and_why_it_failed(page, mock):
    expect(row(page, "web")).to_contain_text(re.compile(r"application · :5173 · 1 h \d\d min"))
    expect(row(page, "web").locator(".mark.good")).to_have_text("healthy")
    expect(row(page, "api").locator(".mark.bad")).to_have_text("failed")
    expect(row(page, "api")).to_contain_text("3 restarts")
    expect(row(page, "api")).to_contain_text("The image python:3.99 was not found. Is it spelt right?")
    expect(row(page, "db")).to_contain_text("Its definition has changed.")
    expect(page.get_by_role("img", name=re.compile("^CPU .* now, at most .* in the last minute"))).to_have_count(2)
    expect(page.get_by_role("img", name=re.compile("^Memory .* MB now"))).to_have_count(2)


def test_one_key_runs_stops_and_restarts_what_the_arrows_chose(page, mock):
    for path in (f"{API['id']}/start", f"{API['id']}/restart", f"{WEB['id']}/stop"):
        mock.answers[f"POST /runtimes/{path}"] = runs
    row(page, "web").locator(".open").focus()
    page.keyboard.press("s")
    page.keyboard.press("ArrowDown")
    expect(row(page, "api").locator(".open")).to_be_focused()
    page.keyboard.press("r")
    page.keyboard.press("x")
    expect(page.get_by_text("3rd in the queue, about 12 s")).to_be_visible()
    assert mock.has_sent("POST", 3) == [
        f"POST /runtimes/{WEB['id']}/stop", f"POST /runtimes/{API['id']}/start", f"POST /runtimes/{API['id']}/restart",
    ]  # fmt: skip


def test_a_shell_that_cannot_be_opened_says_why(page, mock, tolerated):
    tolerated.append("WebSocket connection to")
    mock.answers["POST /run"] = (409, {"code": "cannot_start", "message": "This image has no shell."})
    row(page, "web").locator(".open").focus()
    page.keyboard.press("t")
    expect(page.get_by_text("This image has no shell.")).to_be_visible()
    assert mock.sent("POST /run")[0] == {"command": ":", "service_id": WEB["id"]}


def test_an_operation_is_followed_to_its_end(page, mock):
    mock.answers["POST /runtimes/run-all"] = operation("run-all", "queued", [{"service": "web"}, {"service": "api"}])
    page.get_by_role("button", name="Run all").click()
    expect(page.get_by_text("Next in the queue")).to_be_visible()
    pulling = [
        {"service": "web", "status": "done"}, {"service": "api", "step": "pulling", "status": "running", "percent": 40}
    ]  # fmt: skip
    mock.tell("operation.progress", operation=operation("run-all", "running", pulling))
    expect(row(page, "api")).to_contain_text("pulling 40 %")
    expect(page.get_by_text("1 of 2")).to_be_visible()
    mock.answers["GET /services"] = stack(WEB, API | {"state": "pulling", "reason": None}, DB)
    mock.tell("service.state", service_id=API["id"], service="api", state="pulling", desired="running", reason=None)
    expect(row(page, "api").locator(".mark")).to_have_text("pulling")
    failed = {"code": "no_space", "message": "The disk is full.", "remedy": "Remove what is not needed."}
    ended = operation("run-all", "failed", pulling, error=failed, finished_at="2026-01-01T00:01:00Z")
    mock.tell("operation.progress", operation=ended)
    expect(page.get_by_role("alert")).to_contain_text("Run all failed. The disk is full.")
    expect(page.get_by_role("alert")).to_contain_text("Remove what is not needed.")
    page.get_by_role("alert").get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_the_server_refuses_is_said(page, mock):
    mock.answers["POST /runtimes/stop-all"] = (409, {"code": "not_ready", "message": "The session is starting."})
    page.get_by_role("button", name="Stop all").click()
    expect(page.get_by_role("alert")).to_contain_text("The session is starting.")

    mock.answers["POST /services"] = WEB | {"note": "node:24 is not pinned: its registry does not answer."}
    page.get_by_role("button", name="Add a service").click()
    page.get_by_label("An image").check()
    page.get_by_label("Image", exact=True).fill("node:24")
    page.get_by_role("button", name="Add", exact=True).click()
    told = page.get_by_role("status").filter(has_text="node:24 is not pinned")
    expect(told).to_be_visible()
    told.get_by_role("button", name="Dismiss").click()
    expect(told).to_have_count(0)


def test_a_problem_of_the_file_leads_to_its_line_and_what_is_ignored_is_listed(page, mock, server):
    server.ask(
        "POST", f"/workspace/{mock.session}/filesystem", {"op": "write", "path": "compose.yaml", "content": COMPOSE}
    )
    found = [
        {"severity": "error", "code": "privileged", "path": "services.api.privileged", "file": "compose.yaml", "line": 41,
         "message": "privileged would break out of the session: remove it."},
        {"severity": "ignored", "code": "unsupported", "path": "services.web.logging", "file": "compose.yaml", "line": 9,
         "message": "logging has no effect here."},
    ]  # fmt: skip
    mock.answers["GET /services"] = stack(WEB, problems=found)
    mock.tell("services.changed")
    expect(page.get_by_text("privileged would break out")).to_be_visible()
    expect(page.get_by_role("button", name="Run all")).to_be_disabled()
    page.get_by_text("Ignored in compose.yaml (1)").click()
    expect(page.get_by_text("logging has no effect here.")).to_be_visible()
    page.get_by_role("button", name="Open compose.yaml at line 41").click()
    expect(page.locator(".cm-activeLine")).to_have_text("  # line 41")
    page.get_by_role("button", name="Open compose.yaml at line 9").click()
    expect(page.locator(".cm-activeLine")).to_have_text("  # line 9")


def test_a_log_is_searched_filtered_and_shows_colours_but_no_markup(page, mock):
    row(page, "web").locator(".open").click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("the very last line")
    expect(log).to_contain_text("<img src=x onerror=alert(1)>")
    expect(log.locator(".a-bold.a-1")).to_have_text("TypeError")
    assert log.locator("img").count() == 0
    assert log.locator(".line").count() < 120  # of 402: those in sight
    follow = page.get_by_role("button", name="Follow")
    expect(follow).to_have_attribute("aria-pressed", "true")
    log.hover()
    page.mouse.wheel(0, -3000)
    expect(follow).to_have_attribute("aria-pressed", "false")
    expect(log).not_to_contain_text("the very last line")
    follow.click()
    expect(log).to_contain_text("the very last line")

    mock.answers[f"GET /services/{WEB['id']}/logs"] = lambda _: events("lines", LINES[-1:])
    page.get_by_label("Search the log").fill("VERY")
    wanted = {"tail": "5000", "follow": "true", "search": "VERY", "stream": "stderr"}
    with page.expect_request(lambda request: "/logs?" in request.url and asked_for(request) == wanted):
        page.get_by_label("Stream").select_option("stderr")
    expect(log.locator("mark")).to_have_text("very")


def test_a_preview_is_entered_reloaded_resized_and_opened_to_others_only_when_meant(page, mock, server):
    address = f"http://web--{mock.session[-10:]}.localhost:{server.port}"
    entries = []

    def enter(request):
        entries.append(request.url)
        return {"url": f"{address}/enter?token={len(entries)}"}

    base = f"/previews/{WEB['id']}/5173"
    shown = {"service_id": WEB["id"], "service": "web", "port": 5173, "url": address, "visibility": "organization"}
    mock.answers |= {
        "GET /previews": {"items": [shown], "next_cursor": None},
        f"POST {base}/entry": enter,
        f"PUT {base}": lambda request: shown | request.post_data_json,
    }
    page.route(
        f"{address}/**",
        lambda route: route.fulfill(body=f"<h1>Hello {route.request.url[-1]}</h1>", content_type="text/html"),
    )
    row(page, "web").locator(".open").focus()
    page.keyboard.press("p")
    frame = page.frame_locator("iframe[title='Preview of web']")
    expect(frame.get_by_role("heading", name="Hello 1")).to_be_visible()
    page.get_by_role("button", name="Reload").click()
    expect(frame.get_by_role("heading", name="Hello 2")).to_be_visible()
    page.get_by_label("Width").select_option("390")
    assert page.locator("iframe").evaluate("frame => frame.offsetWidth") == 390
    expect(page.get_by_role("link", name="Open in a tab")).to_have_attribute("href", address)
    who = page.get_by_label("Who may open it")
    who.select_option("public")
    page.get_by_role("button", name="Cancel").click()
    expect(who).to_have_value("organization")
    assert mock.sent(f"PUT {base}") == []
    who.select_option("public")
    page.get_by_role("button", name="Open to everyone").click()
    expect(who).to_have_value("public")
    assert mock.sent(f"PUT {base}") == [{"visibility": "public"}]


def test_a_database_is_looked_into_by_table_and_by_statement(page, mock):
    base = f"/services/{DB['id']}/database"
    answer = {"columns": COLUMNS, "rows": ROWS, "total_estimate": 1200, "truncated": True, "next_cursor": "100"}
    mock.answers |= {
        f"GET {base}/schema": SCHEMA,
        f"POST {base}/data": answer,
        f"POST {base}/query": (
            422, {"code": "sql_error", "message": 'relation "nothing" does not exist', "details": {"position": 15}}
        ),
        f"POST {base}/export": b"id,name\n1,Customer 1\n",
    }  # fmt: skip
    row(page, "db").locator(".open").focus()
    page.keyboard.press("d")
    page.get_by_role("button", name=re.compile("customers")).click()
    grid = page.get_by_role("grid", name="Rows of customers")
    expect(grid.get_by_role("row")).to_have_count(101)
    expect(page.get_by_text("1–100 of about 1,200")).to_be_visible()
    grid.get_by_role("button", name="name").click()
    expect(grid.get_by_role("columnheader").nth(1)).to_have_attribute("aria-sort", "ascending")
    page.get_by_label("Column").select_option("name")
    page.get_by_label("Comparison").select_option("contains")
    page.get_by_label("Value", exact=True).fill("7")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.locator(".chip")).to_contain_text("name contains 7")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("101–200")).to_be_visible()
    assert mock.sent(f"POST {base}/data")[-1] == {
        "schema": "public", "table": "customers", "limit": 100, "cursor": "100",
        "sort": [{"column": "name", "descending": False}],
        "filter": [{"column": "name", "op": "contains", "value": "7"}],
    }  # fmt: skip
    grid.get_by_role("gridcell").first.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
    expect(page.get_by_role("region", name="Value of notes")).to_contain_text('"since": 2003')
    with page.expect_download() as saved:
        page.get_by_label("Save customers as a file").select_option("csv")
    assert saved.value.suggested_filename == "customers.csv"

    page.get_by_role("button", name="SQL", exact=True).click()
    page.keyboard.type("select * from nothing")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text('relation "nothing" does not exist')
    mock.answers[f"POST {base}/query"] = {
        "columns": COLUMNS[:2], "rows": [[1, "one"]], "row_count": 1, "truncated": False, "duration_ms": 3.14, "query_id": "q",
    }  # fmt: skip
    page.get_by_role("button", name="Run", exact=True).last.click()
    expect(page.get_by_text("1 row, 3.1 ms")).to_be_visible()
    asked = mock.sent(f"POST {base}/query")[-1]
    assert (asked["sql"], asked["write"]) == ("select * from nothing", False)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", asked["query_id"])


def test_secrets_are_written_and_never_shown(page, mock):
    mock.answers[f"PUT /services/{WEB['id']}"] = WEB | {"undo_snapshot_id": "s-1"}
    page.get_by_role("button", name="Change web").click()
    expect(page.get_by_label("Value of TOKEN")).to_have_value("")
    expect(page.get_by_label("Value of TOKEN")).to_have_attribute("placeholder", re.compile("kept"))
    page.get_by_label("Value of API_URL").fill("http://api:9000")
    page.get_by_label("Memory (MiB)").fill("1024")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("Changed web in compose.yaml.")).to_be_visible()
    assert mock.sent(f"PUT /services/{WEB['id']}") == [
        {
            "environment": [
                {"name": "API_URL", "secret": False, "value": "http://api:9000"}, {"name": "TOKEN", "secret": True}
            ],
            "memory_bytes": 1 << 30,
        }
    ]  # fmt: skip


def fill_in(page: Page, *words: str) -> None:
    """Types one into each field from the one with the focus on, and Enter."""
    for number, word in enumerate(words):
        if number:
            page.keyboard.press("Tab")
        page.keyboard.type(word)
    page.keyboard.press("Enter")


def test_variables_are_set_and_forgotten_by_keys(page, mock, server, tolerated):
    tolerated.append("status of 404")
    opener = page.get_by_role("button", name="Variables")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Variables of this workspace")
    name, value = dialog.get_by_label("Name"), dialog.get_by_label("Value")
    names = dialog.get_by_role("list")
    expect(dialog).to_contain_text("None yet.")
    expect(name).to_be_focused()
    fill_in(page, "2 words", "x")
    assert name.evaluate("field => field.validity.patternMismatch")  # the browser says so
    name.fill("")
    for one in ("API_TOKEN", "REGION"):
        expect(name).to_be_focused()  # ready for the next
        fill_in(page, one, "very secret")
        expect(names).to_contain_text(one)
        expect(name).to_have_value("")
        expect(value).to_have_value("")
    expect(dialog.get_by_text("very secret")).to_have_count(0)
    assert violations(page) == []
    picture(page, "service-variables")

    workspace = server.ask("GET", f"/sessions/{mock.session}")["workspace_id"]
    dialog.get_by_role("button", name="Forget REGION").focus()
    page.keyboard.press("Enter")
    expect(names.get_by_role("listitem")).to_have_count(1)
    expect(name).to_be_focused()
    server.ask("DELETE", f"/workspace/{workspace}/variables/API_TOKEN")  # somebody else, meanwhile
    dialog.get_by_role("button", name="Forget API_TOKEN").focus()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("The workspace has no such variable.")
    expect(dialog).to_contain_text("None yet.")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()


def test_a_registry_that_is_none_is_refused_and_what_was_typed_stays(page, mock, server):
    opener = page.get_by_role("button", name="Registries")
    picture(page, "services")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Registries of this workspace")
    expect(dialog).to_contain_text("None yet.")
    expect(dialog.get_by_label("Registry")).to_be_focused()
    expect(dialog.get_by_role("button", name="Set")).to_be_disabled()
    fill_in(page, "nowhere", "robot", "very secret")
    expect(dialog.get_by_role("alert")).to_contain_text("Write the host that its images begin with")
    expect(dialog.get_by_label("Password")).to_have_value("very secret")
    dialog.get_by_label("Registry").fill(" registry.example.com:5000 ")
    page.keyboard.press("Enter")
    row = dialog.get_by_role("listitem")
    expect(row).to_contain_text("registry.example.com:5000")
    expect(row).to_contain_text("robot")
    expect(dialog.get_by_role("alert")).to_have_count(0)
    expect(dialog.get_by_label("Password")).to_have_value("")
    assert violations(page) == []
    picture(page, "service-registries")
    row.get_by_role("button", name="Forget registry.example.com:5000").focus()
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("None yet.")
    dialog.get_by_role("button", name="Close").focus()
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()


def test_what_its_volumes_hold_stays_unless_that_is_to_go_too(page, mock):
    mock.answers[f"DELETE /services/{DB['id']}"] = {}
    page.get_by_role("button", name="Change db").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    picture(page, "service-remove")
    page.get_by_label("Delete what its volumes hold, too").check()
    with page.expect_request(lambda request: request.method == "DELETE") as asked:
        page.get_by_role("button", name="Remove", exact=True).click()
    assert asked_for(asked.value) == {"drop_volumes": "true"}


def test_the_order_is_changed_by_keys(page, mock):
    mock.answers["PUT /services/reorder"] = stack(API, WEB, DB)
    row(page, "web").locator(".open").focus()
    mock.answers["GET /services"] = stack(API, WEB, DB)
    page.keyboard.press("Alt+ArrowDown")
    expect(page.get_by_role("list", name="Services").get_by_role("listitem").first).to_contain_text("api")
    assert mock.sent("PUT /services/reorder") == [{"ids": [API["id"], WEB["id"], DB["id"]]}]


def test_a_repository_without_a_compose_file_gets_the_one_that_is_proposed(page, mock):
    proposal = {
        "stack": "Node with Vite", "explanation": "package.json has a dev script.",
        "compose": "services:\n  web:\n    image: node:24\n",
    }  # fmt: skip
    mock.answers["GET /services"] = stack(source="none", proposal=proposal)
    mock.tell("services.changed")
    expect(page.get_by_text("This looks like Node with Vite")).to_be_visible()
    page.get_by_role("button", name="Use it").click()
    expect(page.locator(".cm-line", has_text="image: node:24")).to_be_visible()


@pytest.mark.parametrize(
    ("runtime", "says"),
    [("none", "Services cannot run on this server."), ("process", "No Docker: only what needs no image")],
)
def test_without_an_engine_the_page_says_what_is_missing(page, mock, runtime, says):
    mock.answers["GET /services"] = stack(WEB, runtime=runtime, runtime_reason="Install and start Docker.")
    mock.tell("services.changed")
    page.get_by_text(says).click()
    expect(page.get_by_text("Install and start Docker.")).to_be_visible(visible=runtime != "none")


def test_a_template_is_started_with_what_it_wants_to_know(page, server):
    mock = Mock(page)
    mock.answers["GET /templates"] = {"items": TEMPLATES, "next_cursor": None}
    mock.answers["POST /workspace/auto-create"] = (409, {"code": "name_taken", "message": "There is one of that name."})
    sign_in(page, server)
    page.get_by_role("button", name="Full stack").click()
    page.get_by_label("REGION").fill("north")
    page.get_by_role("button", name="Create and run").click()
    expect(page.get_by_role("alert")).to_contain_text("There is one of that name.")
    sent = mock.sent("POST /workspace/auto-create")[0]
    assert (sent["template"], sent["name"], sent["variables"]) == ("full-stack", "Full stack", {"REGION": "north"})
