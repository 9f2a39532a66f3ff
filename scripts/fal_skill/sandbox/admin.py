"""Admin calls, at the sandbox's own address ``http://127.0.0.1:PORT/_sandbox/…``: report, faults, reset.

====================  ======  =====================================================================
``_sandbox/health``   GET     ``{"ready": true}``
``_sandbox/report``   GET     the report so far (``?final=1``: also name what nobody collected)
``_sandbox/jobs``     GET     the jobs alone
``_sandbox/faults``   GET     the faults and how often each struck
``_sandbox/faults``   POST    order faults: ``{"faults": ["429,times=2", …]}``
``_sandbox/faults``   DELETE  no more faults
``_sandbox/reset``    POST    forget jobs, files and journal
====================  ======  =====================================================================
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .asking import Ask
from .replies import Json, detail

if TYPE_CHECKING:
    from starlette.responses import Response

    from .service import Service

MAX_BODY_BYTES = 1024 * 1024


class Admin:
    """The admin calls."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def answer(self, ask: Ask) -> Response:
        """Return the answer to a request at the sandbox's own address."""
        service = self._service
        if ask.path == "_sandbox/health":
            ask.allow("GET", "HEAD")
            return Json(
                {"ready": True, "models": len(service.catalog.registry), "as_of": service.catalog.registry.as_of}
            )
        if ask.path in ("_sandbox/report", "_sandbox/jobs"):
            from .report import report_of

            ask.allow("GET")
            report = report_of(service, final=ask.query.get("final") == "1")
            return Json(report if ask.path.endswith("report") else {"jobs": report["jobs"]})
        if ask.path == "_sandbox/faults":
            return await self._faults(ask)
        if ask.path == "_sandbox/reset":
            ask.allow("POST")
            service.reset()
            return Json({"reset": True})
        return detail(
            404, "This is the fal sandbox. Admin calls are under /_sandbox/: health, report, jobs, faults, reset"
        )

    async def _faults(self, ask: Ask) -> Response:
        ask.allow("GET", "POST", "DELETE")
        faults = self._service.faults
        if ask.method == "DELETE":
            faults.clear()
        elif ask.method == "POST":
            try:
                body: Any = json.loads(await ask.body(MAX_BODY_BYTES))
                notations = body["faults"]
                if not isinstance(notations, list) or not all(isinstance(item, str) for item in notations):
                    raise TypeError
            except (ValueError, KeyError, TypeError, RecursionError):
                return detail(400, 'Expected {"faults": ["NAME[=VALUE][,nth=N][,times=N|all][,on=PLACE]", …]}')
            try:
                for notation in notations:
                    faults.add(notation)
            except UsageError as error:
                return detail(400, f"{error.message} ({error.hint})")
        return Json({"faults": [fault.as_dict() for fault in faults.faults]})
