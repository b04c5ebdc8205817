"""/account/settings: what the page is told to remember for a person, wherever they sign in."""

from litestar import Router, get, put
from litestar.params import JSONBody

from backend.accounts.users import schemas, service
from backend.core.auth import Me, person
from backend.core.db import Db


@get("/settings", guards=[person])
async def get_settings(db: Db, actor: Me) -> schemas.Settings:
    return schemas.Settings(await service.settings_of(db, actor.id))


@put("/settings", guards=[person])
async def replace_settings(db: Db, actor: Me, data: JSONBody[schemas.Settings]) -> schemas.Settings:
    """Takes the place of all settings: what is left out is as if it had never been set."""
    await service.keep_settings(db, actor.id, data.settings)
    return data


router = Router("/account", route_handlers=[get_settings, replace_settings], tags=["account"])
