"""The kinds of checks that references/facts.yaml may name. Each raises AssertionError when the claim does not hold.

=================  ==================================================================================================
``exports``        ``module`` has these ``names``
``signature``      the function ``of`` has these parameters (``has``), not those (``lacks``), these ``defaults``
``async-generator``  the function ``of`` is one
``value``          the attribute ``of`` ``equals`` this
``subclass``       the class ``of`` derives from ``base`` and ``not`` from that
``requirement``    pyproject.toml's requirement of ``name`` ``allows`` these versions and ``refuses`` those
``source``         ``file`` of @fal-ai/client ``contains`` these texts and ``lacks`` those
``fields``         the model ``slug`` ``has``, ``lacks``, requires (``required``) fields; ``defaults``; ``enums``
``slugs``          these ``slugs`` have this ``status``
``prices``         slug -> [USD, unit] in the price table
``estimate``       what a call is estimated to cost: ``low``, ``high``
``registry``       ``names``, ``listed``, ``schemas``, ``as_of`` of the snapshot
``owners``         of ``total`` listed slugs ``others`` are not fal-ai's; they have ``segments`` [least, most]
``types``          error type -> HTTP status, as the sandbox answers
``mcp``            the configuration of ``client`` for ``server`` ``contains`` and ``lacks``; ``supported``
``scenario``       a function of tests/docs/scenarios.py, run against the sandbox
=================  ==================================================================================================
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from typing import Any

from fal_skill.mcp import config
from fal_skill.prices import estimate, price_of
from fal_skill.registry import Registry
from fal_skill.sandbox.outcomes import MODEL_ERRORS, PLATFORM_ERRORS


def attribute(dotted: str) -> Any:
    """Return what a dotted name stands for."""
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            value = getattr(value, name)
        return value
    raise AssertionError(f"no module in {dotted}")


def exports(module: str, names: list[str]) -> None:
    missing = [name for name in names if not hasattr(importlib.import_module(module), name)]
    assert not missing, missing


def signature(
    of: str, has: list[str] | None = None, lacks: list[str] | None = None, defaults: dict[str, Any] | None = None
) -> None:
    parameters = inspect.signature(attribute(of)).parameters
    assert set(has or []) <= set(parameters), set(has or []) - set(parameters)
    assert not set(lacks or []) & set(parameters), set(lacks or []) & set(parameters)
    for name, value in (defaults or {}).items():
        assert parameters[name].default == value, (name, parameters[name].default)


def async_generator(of: str) -> None:
    assert inspect.isasyncgenfunction(attribute(of))


def value(of: str, equals: Any) -> None:
    found = attribute(of)
    assert (list(found) if isinstance(found, tuple) else found) == equals, found


def subclass(of: str, base: str, **more: str) -> None:
    assert issubclass(attribute(of), attribute(base))
    assert "not" not in more or not issubclass(attribute(of), attribute(more["not"]))


def requirement(name: str, allows: list[str], refuses: list[str]) -> None:
    from docs.versions import specifiers

    found = specifiers(name)
    assert all(found.contains(version) for version in allows)
    assert not any(found.contains(version) for version in refuses)


def source(file: str, contains: list[str] | None = None, lacks: list[str] | None = None) -> None:
    from docs.conftest import node_modules

    text = (node_modules() / "@fal-ai" / "client" / "src" / file).read_text(encoding="utf-8")
    assert all(part in text for part in contains or []), [part for part in contains or [] if part not in text]
    assert not any(part in text for part in lacks or [])


def fields(
    registry: Registry,
    slug: str,
    has: list[str] | None = None,
    lacks: list[str] | None = None,
    required: list[str] | None = None,
    defaults: dict[str, Any] | None = None,
    enums: dict[str, list[Any]] | None = None,
) -> None:
    model = registry.require(slug)
    properties = model.input_schema["properties"]
    assert set(has or []) <= set(properties), set(has or []) - set(properties)
    assert not set(lacks or []) & set(properties)
    assert set(required or []) <= set(model.required)
    for name, expected in (defaults or {}).items():
        assert properties[name].get("default") == expected, properties[name]
    for name, members in (enums or {}).items():
        listed = re.findall(r'"(?:[^"\\]|\\.)*"|[\w.-]+', json.dumps(properties[name]))
        assert all(json.dumps(member) in listed for member in members), properties[name]


def slugs(registry: Registry, status: str, slugs: list[str]) -> None:
    found = {slug: registry.status(slug) for slug in slugs}
    assert set(found.values()) == {status}, found


def prices(prices: dict[str, list[Any]]) -> None:
    for slug, expected in prices.items():
        quote = price_of(slug)
        assert quote is not None, slug
        assert [quote.usd, quote.unit] == expected, (slug, quote.usd, quote.unit)


def estimated(registry: Registry, slug: str, arguments: dict[str, Any], high: float, low: float | None = None) -> None:
    made = estimate(registry.require(slug), arguments)
    assert made.high is not None
    assert abs(made.high - high) < 1e-9, made.high
    assert low is None or made.low == low, made.low


def registry_figures(registry: Registry, names: int, listed: int, schemas: int, as_of: Any) -> None:
    entries = registry.entries
    found = [
        len(entries),
        sum(entry.status in ("known", "listed") for entry in entries),
        sum(registry.require(entry.slug).has_schema for entry in entries),
        str(registry.as_of),
    ]
    assert found == [names, listed, schemas, str(as_of)], found


def owners(registry: Registry, total: int, others: int, segments: list[int]) -> None:
    listed = [entry.slug for entry in registry.entries if entry.status in ("known", "listed")]
    lengths = [slug.count("/") + 1 for slug in listed]
    found = [len(listed), sum(not slug.startswith("fal-ai/") for slug in listed), [min(lengths), max(lengths)]]
    assert found == [total, others, segments], found


def types(statuses: dict[str, int]) -> None:
    known = {**MODEL_ERRORS, **PLATFORM_ERRORS}
    assert {name: known[name][0] for name in statuses} == statuses


def mcp(
    client: str,
    server: str,
    contains: list[str] | None = None,
    lacks: list[str] | None = None,
    supported: bool = True,
) -> None:
    made = config(client, server)
    text = json.dumps(made.content) + (made.command or "")
    assert made.supported == supported
    assert all(part in text for part in contains or []), text
    assert not any(part in text for part in lacks or []), text


KINDS = {
    "exports": exports,
    "signature": signature,
    "async-generator": async_generator,
    "value": value,
    "subclass": subclass,
    "requirement": requirement,
    "source": source,
    "fields": fields,
    "slugs": slugs,
    "prices": prices,
    "estimate": estimated,
    "registry": registry_figures,
    "owners": owners,
    "types": types,
    "mcp": mcp,
}
NEEDS_REGISTRY = {"fields", "slugs", "estimate", "registry", "owners"}
