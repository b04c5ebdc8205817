"""Time-based one-time passwords (RFC 6238: SHA-1, 6 digits, 30 s) and recovery codes, each taken once.

A code is good in its own step and in the one before and after it, for clocks that drift; a step that was used, and all before
it, are over (RFC 6238 §5.2). The UPDATE that moves the step on decides between two that come at once.
"""

import secrets
from pathlib import Path
from typing import Any
from uuid import UUID

import pyotp
import segno
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.factors.models import RecoveryCode, SecondFactor, sealed_of
from backend.core import crypto
from backend.core.db import now
from backend.core.errors import Conflict, Unauthorized
from backend.ledger.secrets.vault import vault

STEP = 30
CODES = 10
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"


class WrongCode(Unauthorized):
    """That code is wrong, over, or was used: wait for the next one, or take a recovery code."""


_FIRST = (
    "That is not what the app shows now: try the next code. If that is wrong, too, look whether the phone's clock is right, "
    "or scan the picture again."
)
"""Where there is no recovery code yet."""


class FactorIsSet(Conflict):
    """There is a second factor: turn it off first."""


class NoFactor(Conflict):
    """There is no second factor that this could be done to."""


async def find(db: AsyncSession, user_id: UUID) -> SecondFactor | None:
    """The one that counts."""
    return await db.scalar(
        select(SecondFactor).where(SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_not(None))
    )


async def codes_left(db: AsyncSession, user_id: UUID) -> int:
    return await db.scalar(select(func.count()).where(RecoveryCode.user_id == user_id)) or 0


async def begin(db: AsyncSession, data: Path, user_id: UUID, email: str) -> tuple[str, str, str]:
    """(secret, otpauth:// address, QR code of it as SVG), to be confirmed by a code. Raises FactorIsSet."""
    if await find(db, user_id) is not None:
        raise FactorIsSet
    secret = pyotp.random_base32()
    key_id, sealed = vault(data).seal(secret, of=sealed_of(user_id))
    values: dict[str, Any] = {"key_id": key_id, "sealed": sealed, "last_step": 0, "confirmed_at": None}
    row = insert(SecondFactor).values(user_id=user_id, **values)
    await db.execute(row.on_conflict_do_update(index_elements=["user_id"], set_=values))
    address = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Codeyard")
    return secret, address, segno.make(address, error="m").svg_inline(scale=4, border=2)


async def confirm(db: AsyncSession, data: Path, user_id: UUID, code: str) -> list[str]:
    """The app works: from now on it counts. Gives the recovery codes, which are shown once. Raises WrongCode, NoFactor."""
    factor = await db.get(SecondFactor, user_id, with_for_update=True)
    if factor is None or factor.confirmed_at is not None:
        raise NoFactor
    try:
        await _take_code(db, data, factor, code)
    except WrongCode:
        raise WrongCode(_FIRST) from None
    factor.confirmed_at = now()
    return await new_codes(db, user_id)


async def new_codes(db: AsyncSession, user_id: UUID) -> list[str]:
    """Ten fresh ones in place of all others."""
    await db.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = ["-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(3)) for _ in range(CODES)]
    db.add_all([RecoveryCode(user_id=user_id, hash=crypto.digest(code)) for code in codes])
    await db.flush()
    return codes


async def check(db: AsyncSession, data: Path, user_id: UUID, code: str) -> bool:
    """Takes a code of the app, or a recovery code: each works once. Whether it was a recovery code. Raises WrongCode."""
    factor = await find(db, user_id)
    if factor is None:
        raise NoFactor
    plain = code.strip().lower()
    if plain.replace(" ", "").isdigit():
        await _take_code(db, data, factor, code)
        return False
    used = delete(RecoveryCode).where(RecoveryCode.user_id == user_id, RecoveryCode.hash == crypto.digest(plain))
    if await db.scalar(used.returning(RecoveryCode.user_id)) is None:
        raise WrongCode
    return True


async def remove(db: AsyncSession, user_id: UUID) -> None:
    await db.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    await db.execute(delete(SecondFactor).where(SecondFactor.user_id == user_id))


async def _take_code(db: AsyncSession, data: Path, factor: SecondFactor, code: str) -> None:
    digits = "".join(code.split()).encode()  # apps show them in two groups
    app = pyotp.TOTP(vault(data).open(factor.key_id, factor.sealed, of=sealed_of(factor.user_id)))
    current = int(now().timestamp()) // STEP
    steps = range(current - 1, current + 2)
    fitting = [step for step in steps if secrets.compare_digest(app.at(step * STEP).encode(), digits)]
    if not fitting:
        raise WrongCode
    on = update(SecondFactor).where(SecondFactor.user_id == factor.user_id, SecondFactor.last_step < fitting[-1])
    if await db.scalar(on.values(last_step=fitting[-1]).returning(SecondFactor.user_id)) is None:
        raise WrongCode
