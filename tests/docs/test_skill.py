"""SKILL.md as the specification and its readers want it."""

from __future__ import annotations

import re
from typing import Any

import yaml

from conftest import ROOT
from fal_skill import __version__

TEXT = (ROOT / "SKILL.md").read_text(encoding="utf-8")
_, FRONTMATTER, BODY = TEXT.split("---\n", 2)
FIELDS: dict[str, Any] = yaml.safe_load(FRONTMATTER)


def test_the_name_is_the_folders_and_well_formed() -> None:
    assert FIELDS["name"] == "fal-ai-models-runner"
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", FIELDS["name"])


def test_the_frontmatter_has_only_what_every_client_reads() -> None:
    assert set(FIELDS) == {"name", "description", "license", "metadata"}
    assert all(isinstance(value, str) for value in FIELDS["metadata"].values())
    assert FIELDS["metadata"]["version"] == __version__


def test_the_description_triggers_within_its_limits() -> None:
    description = FIELDS["description"]
    assert len(description) <= 1024
    assert not re.search(r"[<>]|---", description)
    for word in ("fal.ai", "fal-client", "@fal-ai/client", "Flux schnell", "fast-sdxl", "fal queue", "fal subscribe"):
        assert word in description[:200], word
    for word in ("fal stream", "low latency", "image", "video", "Replicate", "ComfyUI Cloud"):
        assert word in description, word


def test_the_body_stays_within_2000_tokens() -> None:
    assert len(BODY) / 4 <= 2000
