"""A call before it is sent: verified, its arguments checked, its files found, its cost estimated against the cap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..arguments import ERROR, NOTE, WARNING, Finding, check_arguments, check_slug
from ..errors import InvalidArgumentsError, OverBudgetError, SkillError, UnknownSlugError, shown
from ..prices import Estimate, PriceTable, default_prices, dollars, estimate
from ..registry import UNKNOWN, UNLISTED, Model, Registry
from .jobs import digest_of
from .redaction import MARK, redacted_value
from .uploads import LocalFile, by_content, local_files, replaced

UPLOADED_CODES = ("local-file",)
"""Findings that an upload settles."""
SLUG_CODES = ("unknown-slug", "unlisted-slug")
QUEUE_URL = "https://queue.fal.run/"


@dataclass(frozen=True)
class Rules:
    """What the user allows."""

    force: bool = False
    """Send despite warnings; errors always stop a call."""
    max_cost: float | None = None
    """USD for all calls together; None = no cap."""
    allow_unknown_cost: bool = False


@dataclass(frozen=True)
class Plan:
    """One call that may be sent."""

    slug: str
    model: Model | None
    """None for a user's own endpoint, and for a model that no source knows."""
    arguments: dict[str, Any]
    """As the user gave them."""
    files: tuple[LocalFile, ...]
    findings: tuple[Finding, ...]
    cost: Estimate | None

    @property
    def digest(self) -> str:
        """Digest of the call: local files count by their content."""
        return digest_of(self.slug, by_content(self.arguments, list(self.files)))

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """The estimated cost, USD; None where it is unknown."""
        return (self.cost.low, self.cost.high) if self.cost is not None else (None, None)

    def as_dict(self) -> dict[str, Any]:
        """Return exactly what would be sent, for ``--dry-run``."""
        placeholders = {file.where: f"<the URL of the uploaded {file.file.name}>" for file in self.files}
        return {
            "slug": self.slug,
            "request": {
                "method": "POST",
                "url": QUEUE_URL + self.slug,
                "headers": {"Authorization": f"Key {MARK}", "Content-Type": "application/json"},
                "body": redacted_value(replaced(self.arguments, placeholders), shapes=False),
            },
            "uploads": [
                {"field": file.field, "file": str(file.file), "bytes": file.size, "sha256": file.sha256}
                for file in self.files
            ],
            "findings": [finding.as_dict() for finding in self.findings],
            "cost": self.cost.as_dict() if self.cost is not None else None,
        }


def planned(
    registry: Registry,
    slug: str,
    arguments: dict[str, Any],
    *,
    prices: PriceTable | None = None,
    base: Path | None = None,
) -> Plan:
    """Return the call with all that is known of it.

    Raises:
        InvalidArgumentsError: a local file that it names cannot be read.
    """
    model = registry.get(slug)
    files = local_files(model, arguments, base)
    findings = check_slug(registry, slug)
    if model is not None:
        findings += [
            finding for finding in check_arguments(model, arguments) if not (files and finding.code in UPLOADED_CODES)
        ]
    cost = None
    table = prices or default_prices()
    if model is not None or table.get(slug) is not None:
        cost = estimate(model or Model(_bare(slug)), arguments, prices=table)
    return Plan(slug, model, arguments, tuple(files), tuple(findings), cost)


def _bare(slug: str) -> dict[str, Any]:
    return {
        "slug": slug, "status": UNKNOWN, "category": "unknown", "in": [], "out": [], "first_seen": "", "last_seen": "",
    }  # fmt: skip


def refusal(plan: Plan, rules: Rules) -> SkillError | None:
    """Return why the call must not be sent, or None: an error, or a warning that the user has not overruled."""
    errors = [finding for finding in plan.findings if finding.severity == ERROR]
    warnings = [finding for finding in plan.findings if finding.severity == WARNING]
    if errors:
        return InvalidArgumentsError(_told(plan, errors), hint="mend the arguments; --force does not override errors")
    if warnings and not rules.force:
        told = _told(plan, warnings)
        if all(finding.code in SLUG_CODES for finding in warnings) and plan.model is None:
            return UnknownSlugError(told, hint="if you are sure of the id, send it with --force")
        return InvalidArgumentsError(told, hint="mend it, or send it all the same with --force")
    return None


def _told(plan: Plan, findings: list[Finding]) -> str:
    shown_ones = "; ".join(str(finding) for finding in findings[:4])
    more = f"; and {len(findings) - 4} more" if len(findings) > 4 else ""
    return f"{shown(plan.slug)[1:-1]}: {shown_ones}{more}"


def over_budget(plans: Iterable[Plan], rules: Rules, spent: float = 0.0) -> OverBudgetError | None:
    """Return why these calls would pass the cap, or None. ``spent`` is what counts against it already, USD."""
    if rules.max_cost is None:
        return None
    total = spent
    for plan in plans:
        high = plan.ends[1]
        if high is None:
            if rules.allow_unknown_cost:
                continue
            because = f": {plan.cost.because}" if plan.cost is not None and plan.cost.because else ""
            return OverBudgetError(
                f"a cap of {dollars(rules.max_cost)} cannot be guaranteed, the cost of {plan.slug} is unknown{because}",
                hint="send it all the same with --allow-unknown-cost",
            )
        total += high
    if total > rules.max_cost + 1e-9:
        already = f", {dollars(spent)} of it submitted before" if spent else ""
        return OverBudgetError(
            f"up to {dollars(total)}{already} is more than the cap of {dollars(rules.max_cost)}",
            hint="raise --max-cost, or ask for less",
        )
    return None


def notes(plan: Plan, rules: Rules) -> list[str]:
    """Return what the user should know of a call that will be sent."""
    told = [f"{finding}" for finding in plan.findings if finding.severity == NOTE or rules.force]
    if plan.cost is not None:
        told.append(f"cost: {plan.cost.summary}")
    else:
        told.append("cost: unknown")
    return told


def needs_live(registry: Registry, slug: str) -> bool:
    """Whether the service should be asked about the model: the snapshot does not list it, or lacks its fields."""
    model = registry.get(slug)
    return model is None or model.status == UNLISTED or not model.has_schema
