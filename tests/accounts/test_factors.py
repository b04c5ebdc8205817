"""The second factor: set up, asked for at login, each code once, and off again."""

import asyncio
from datetime import UTC, datetime

import pyotp
import pytest

from backend.accounts.factors import service
from backend.accounts.signin.service import WRONG_PER_ACCOUNT
from tests import make
from tests.clients import Closed

AT = "/account/second-factor"
NOON = datetime(2026, 11, 28, 12, 0, 10, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch):
    """Sets the time that codes are judged by, in steps of 30 s around noon."""

    def at(steps: int) -> int:
        moment = NOON.timestamp() + steps * service.STEP
        monkeypatch.setattr(service, "now", lambda: datetime.fromtimestamp(moment, UTC))
        return int(moment)

    at(0)
    return at


@pytest.fixture
async def phone(client, clock):
    """Ada's authenticator app, confirmed with the code of the step before noon; and her recovery codes."""
    begun = (await client.post(AT, json={"password": make.PASSWORD})).json()
    app = pyotp.TOTP(begun["secret"])
    assert begun["address"].startswith("otpauth://totp/Codeyard:") and begun["qr_svg"].startswith("<svg")
    answer = await client.post(f"{AT}/confirm", json={"code": app.at(clock(-10))})
    assert answer.status_code == 200, answer.text
    clock(0)
    app.recovery = answer.json()["recovery_codes"]
    return app


@pytest.fixture
def login(call, ada):
    async def enter(code: str | None = None, address: str = "127.0.0.1") -> tuple[int, str]:
        browser = call(None)
        browser._transport.client = (address, 1)
        body = {"email": ada.email, "password": make.PASSWORD} | ({"code": code} if code else {})
        answer = await browser.post("/auth/login", json=body)
        return answer.status_code, answer.json().get("error", {}).get("code", "")

    return enter


async def test_it_needs_the_password_and_counts_only_once_confirmed(client, login, clock):
    assert (await client.post(AT, json={"password": "wrong"})).status_code == 401
    begun = (await client.post(AT, json={"password": make.PASSWORD})).json()
    assert (await login()) == (200, "")
    wrong = await client.post(f"{AT}/confirm", json={"code": "000000"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "wrong_code")
    assert "recovery" not in wrong.json()["error"]["message"]  # there are none yet
    assert (await client.get(AT)).json() == {"enabled": False, "recovery_codes_left": 0}
    code = pyotp.TOTP(begun["secret"]).at(clock(0))
    shown = {"code": f"{code[:3]} {code[3:]}"}  # as apps show it
    assert len((await client.post(f"{AT}/confirm", json=shown)).json()["recovery_codes"]) == 10
    assert (await client.get(AT)).json() == {"enabled": True, "recovery_codes_left": 10}
    assert (await login()) == (401, "mfa_required")


async def test_a_code_works_once_even_for_two_at_a_time(login, phone, clock):
    """Attack row 38: replay within its step, and of a step before."""
    code = phone.at(clock(0))
    answers = await asyncio.gather(*(login(code) for _ in range(3)))
    assert sorted(status for status, _ in answers) == [200, 401, 401]
    assert (await login(phone.at(clock(-1)))) == (401, "wrong_code")


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 200), (1, 200), (2, 401)])
async def test_a_clock_may_drift_by_one_step(login, phone, clock, steps, status):
    """Attack row 38."""
    code = phone.at(clock(steps))
    clock(0)
    assert (await login(code))[0] == status


async def test_guessing_codes_is_slowed_down_and_locks_nobody_out(login, phone, clock):
    """Attack row 38."""
    for _ in range(WRONG_PER_ACCOUNT):
        assert (await login("000000"))[0] == 401
    assert (await login(phone.at(clock(0))))[0] == 429
    assert (await login(phone.at(clock(0)), "10.1.1.1"))[0] == 200


async def test_a_recovery_code_works_once(login, phone, client):
    """Attack row 38."""
    code = phone.recovery[3]
    answers = await asyncio.gather(login(code.upper()), login(code))
    assert sorted(status for status, _ in answers) == [200, 401]
    assert (await client.get(AT)).json()["recovery_codes_left"] == 9


async def test_new_recovery_codes_take_the_place_of_the_old(client, login, phone, clock):
    proof = {"password": make.PASSWORD, "code": phone.at(clock(0))}
    fresh = (await client.post(f"{AT}/recovery-codes", json=proof)).json()["recovery_codes"]
    assert (await login(phone.recovery[0]))[0] == 401
    assert (await login(fresh[0]))[0] == 200


async def test_turning_it_on_and_off_signs_other_browsers_out(client, call, ada, login, phone, clock):
    """Attack row 15."""
    other = call(None)
    body = {"email": ada.email, "password": make.PASSWORD, "code": phone.recovery[0]}
    assert (await other.post("/auth/login", json=body)).status_code == 200
    cookies = {"cookie": "; ".join(f"{name}={value}" for name, value in other.cookies.items())}
    proof = {"password": make.PASSWORD, "code": phone.at(clock(0))}
    assert (await client.post(f"{AT}/disable", json=proof | {"password": "wrong"})).status_code == 401
    async with other.socket("/ws/events", headers=cookies) as socket:
        assert (await client.post(f"{AT}/disable", json=proof)).status_code == 204
        with pytest.raises(Closed) as closed:
            await socket.receive_json()
    assert closed.value.code == 4401
    assert (await other.get("/auth/me")).status_code == 401
    assert (await client.get("/auth/me")).json()["user"]["has_second_factor"] is False
    assert (await login()) == (200, "")


@pytest.mark.parametrize("code", ["", "1234567", "٠١٢٣٤٥", "12 34", "é", "'--", "\x00"])
async def test_odd_codes_are_wrong_codes(login, phone, code):
    status, _ = await login(code or " ")
    assert status in (401, 422)
