"""How the gate finds a port: by asking the services."""

from backend.core.resources import Resources
from backend.workbench.previews.located import Located
from backend.workbench.services.reach import reach


async def locate(resources: Resources, *, session_prefix: str, service_slug: str, port: int | None) -> Located | None:
    """See `Locate`. Nobody owns a session alone yet."""
    found = await reach(resources, session_prefix=session_prefix, service_slug=service_slug, port=port)
    if found is None:
        return None
    return Located(
        session_id=found.session.id,
        organization_id=found.session.organization_id,
        workspace_id=found.session.workspace_id,
        owner_id=None,
        service_id=found.service_id,
        service=found.service,
        port=found.port,
        address=found.address,
        state=found.state,
        reason=found.reason,
    )
