"""Organisations, members and roles."""

import asyncio

from backend.core.auth import Role
from tests import make


async def test_one_creates_and_lists_organisations(client):
    made = await client.post("/organizations", json={"name": "Acme"})
    assert made.status_code == 201
    assert made.json()["role"] == "owner"
    names = [row["name"] for row in (await client.get("/organizations")).json()["items"]]
    assert names == ["Acme", "Acme"]
    assert (await client.get(f"/organizations/{made.json()['id']}")).json() == made.json()


async def test_a_slug_has_the_letters_of_its_name_without_accents(client):
    for name, slug in (("Café", "cafe"), ("日本", "organisation")):
        assert (await client.post("/organizations", json={"name": name})).json()["slug"] == slug


async def test_a_role_is_changed_and_a_member_removed(client, database, ada):
    bob = await make.person(database, ada.organization_id, Role.MEMBER)
    at = f"/organizations/{ada.organization_id}/members"
    assert (await client.put(f"{at}/{bob.user_id}", json={"role": "viewer"})).status_code == 204
    members = (await client.get(at)).json()["items"]
    assert {m["user_id"]: m["role"] for m in members}[str(bob.user_id)] == "viewer"
    assert (await client.delete(f"{at}/{bob.user_id}")).status_code == 204
    assert (await client.delete(f"{at}/{bob.user_id}")).status_code == 404


async def test_the_last_owner_stays_even_when_two_leave_together(call, database, ada):
    """Attack row 44."""
    eve = await make.person(database, ada.organization_id, Role.OWNER)
    at = f"/organizations/{ada.organization_id}/members"
    answers = await asyncio.gather(call(ada).delete(f"{at}/{ada.user_id}"), call(eve).delete(f"{at}/{eve.user_id}"))
    assert sorted(a.status_code for a in answers) == [204, 409]


async def test_an_admin_cannot_make_or_unmake_an_owner(call, database, ada):
    """Attack row 45."""
    admin = await make.person(database, ada.organization_id, Role.ADMIN)
    at = f"/organizations/{ada.organization_id}/members"
    assert (await call(admin).put(f"{at}/{admin.user_id}", json={"role": "owner"})).status_code == 403
    assert (await call(admin).put(f"{at}/{ada.user_id}", json={"role": "viewer"})).status_code == 403
    assert (await call(admin).delete(f"{at}/{ada.user_id}")).status_code == 403


async def test_an_admin_of_another_organisation_sees_nothing(call, database, ada):
    """Attack rows 42 and 45."""
    stranger = await make.person(database, await make.organization(database, "Other"), Role.OWNER)
    at = f"/organizations/{ada.organization_id}"
    assert (await call(stranger).get(f"{at}/members")).status_code == 404
    assert (await call(stranger).put(f"{at}/members/{ada.user_id}", json={"role": "viewer"})).status_code == 404
    assert (await call(stranger).get(f"{at}/api-keys")).status_code == 404


async def test_everybody_may_leave_but_remove_nobody_else(call, database, ada):
    bob, eve = [await make.person(database, ada.organization_id, Role.VIEWER) for _ in range(2)]
    at = f"/organizations/{ada.organization_id}/members"
    assert (await call(bob).delete(f"{at}/{eve.user_id}")).status_code == 403
    assert (await call(bob).delete(f"{at}/{bob.user_id}")).status_code == 204
    assert (await call(bob).get(at)).status_code == 403
    assert (await call(ada).delete(f"{at}/{ada.user_id}")).json()["error"]["code"] == "last_owner"


async def test_a_code_says_what_it_is_for_until_it_is_used_or_withdrawn(client, call, ada):
    at = f"/organizations/{ada.organization_id}/invitations"
    made = (await client.post(at, json={"email": "Bob@Example.com", "role": "viewer"})).json()
    assert not made["mailed"]
    code = {"invitation": made["invitation"]}
    shown = (await call(None).post("/auth/invitation", json=code)).json()
    assert (shown["organization"], shown["email"], shown["role"]) == ("Acme", "bob@example.com", "viewer")
    await client.delete(f"{at}/{made['id']}")
    assert (await call(None).post("/auth/invitation", json=code)).json()["error"]["code"] == "invalid_invitation"
