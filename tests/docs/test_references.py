"""The pages as their readers need them: when to open, short, true to the registry, free of the old readme's errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conftest import ROOT
from docs.pages import PAGES, REFERENCES, SKILL, sections, slugs, squeezed, text_of
from fal_skill.mcp import SERVERS, config
from fal_skill.mcp_clients import CLIENTS, MCP_REMOTE
from fal_skill.registry import KNOWN, Registry
from fal_skill.sandbox.outcomes import MODEL_ERRORS, PLATFORM_ERRORS

NAMES = {
    "choosing-a-model", "costs", "errors", "files", "mcp", "queue-patterns", "registry", "streaming-realtime",
    "webhooks",
}  # fmt: skip
NOT_SLUGS = {"fal-ai/flux/requests/ID", "fal-ai/flux-schnell"}
"""The address of a request, and a name that the docs show as wrong."""
MAX_LINES = 100
EVERYTHING = squeezed("\n".join(text_of(page) for page in PAGES))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", section.heading.lower()).replace(" ", "-") for section in sections(page)}


def test_there_is_one_page_a_topic() -> None:
    assert {page.stem for page in REFERENCES} == NAMES


@pytest.mark.parametrize("page", REFERENCES, ids=lambda page: page.name)
def test_a_page_begins_with_when_to_open_it(page: Path) -> None:
    title, _, first, *_ = text_of(page).splitlines()
    assert title.startswith("# ")
    assert first.startswith("Open this ")
    assert len(first) <= 120


@pytest.mark.parametrize("page", REFERENCES, ids=lambda page: page.name)
def test_a_long_page_has_a_contents_list_of_its_sections(page: Path) -> None:
    lines = text_of(page).splitlines()
    assert len(lines) <= 200, "too long for one page"
    listed = re.findall(r"\]\(#([\w-]+)\)", text_of(page))
    assert set(listed) <= anchors(page)
    if len(lines) > MAX_LINES:
        assert set(re.findall(r"^## (.+)$", text_of(page), re.MULTILINE)) >= {"Contents"} or len(listed) >= 3


@pytest.mark.parametrize("page", REFERENCES, ids=lambda page: page.name)
def test_the_skill_says_when_to_open_each_page(page: Path) -> None:
    assert re.search(rf"`references/{page.name}`: \w", text_of(SKILL))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_resolves(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([\w-]*))?\)", text_of(page)):
        if "://" in target:
            continue
        file = page.parent / target if target else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    for name in re.findall(r"`((?:scripts|references|templates|tests)/[\w./-]+)`", text_of(page)):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_slug_in_the_docs_is_listed_by_the_newest_source(page: Path, registry: Registry) -> None:
    owners = {entry.slug.partition("/")[0] for entry in registry.entries}
    for slug in slugs(page, owners) - NOT_SLUGS:
        assert registry.status(slug) == KNOWN, slug


@pytest.mark.parametrize("page", [*REFERENCES, SKILL], ids=lambda page: page.name)
def test_lines_are_not_prose_without_end(page: Path) -> None:
    for line in text_of(page).splitlines():
        assert len(line) <= 180 or line.startswith(("|", "description:", "<!--")), line


def test_the_error_types_have_the_statuses_that_the_sandbox_answers() -> None:
    known = {**MODEL_ERRORS, **PLATFORM_ERRORS}
    (table,) = (section.text for section in sections(ROOT / "references" / "errors.md") if section.heading == "By type")
    named = set()
    for types, status in re.findall(r"^\| (`.*?) \| (\d\w\w)[^|]*\|", table, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", types):
            if name in known and status.isdigit():
                assert known[name][0] == int(status), name
            named.add(name)
    assert set(known) <= named, set(known) - named


def test_the_commands_in_mcp_md_are_those_that_the_script_gives() -> None:
    made = [config(client, server) for client in CLIENTS for server in SERVERS]
    known = {one.command for one in made if one.command} | {step for one in made for step in one.then}
    text = text_of(ROOT / "references" / "mcp.md")
    for span in re.findall(r"`((?:claude|codex|gemini|npx|code|opencode) [^`]+)`", text):
        assert span in known, span
    assert MCP_REMOTE in text
    assert all(client.title in text for name, client in CLIENTS.items() if name != "generic-stdio")
    assert all(server.url in text for server in SERVERS.values())


# What the original readme said: its errors are gone, what it had right is said.

WRONG = {
    "a package that does not exist is recommended": r"[\"y] ?@modelcontextprotocol/server-http",
    "webhooks fire once": r"fires? once",
    "stream takes no headers in Python": r"stream\(\)[^.]*(no|or) custom headers",
    "the A100 has a price": r"A100[^.]{0,30}\$",
    "Kling takes image_url": r"kling-video/v3/pro/image-to-video[^}]{0,80}\"image_url\"",
    "all slugs begin with fal-ai": r"fal-ai/<family>/<variant>|[Ss]lugs follow",
    "schnell takes 1 to 4 steps": r"1[-–]4 steps|\(1-4\)",
    "a second is promised": r"(under|sub-?|in) ?(two|2) ?s(econds)?\b|\b1[-–][23] ?s\b",
    "fal is faster than all others": r"faster (cold starts|than the rest)|lower latency than",
    "there is a fast-X catalogue": r"fast-X|fal-ai/fast-lcm\b(?!-)",
    "flux dev has a commercial licence": r"commercial-use license",
    "Ultra is 2K and photoreal": r"up to 2K|photoreal",
    "recraft v4 text-to-image gives vectors": r"recraft/v4/text-to-image.{0,30}vector-friendly",
    "nine tools are today's": r"exposes 9 tools|\b9 tools",
    "the Bearer endpoint is today's": r"claude mcp add[^\n]*mcp\.fal\.ai/mcp(?!-relay)",
    "the key is expanded by the shell": r"--header \"Authorization: (Bearer|Key) \$",
    "uploads are said to be free": r"uploads are free",
    "outputs lie on one host": r"https://fal\.media/files",
    "there are FAILED or CANCELLED statuses": r"status == \"(FAILED|CANCELL?ED)\"",
    "webhooks are HMAC": r"hmac\.new|webhook secret",
    "a base64 file of hundreds of KB is fine": r"few hundred KB",
}
RIGHT = {
    "the packages": r"pip install \"fal-client.*npm install @fal-ai/client.*FAL_KEY",
    "not 0.x": r"not 0\.x",
    "queue, streams and WebSocket": r"server-sent events.*WebSocket",
    "the body is the input": r"bare input as JSON",
    "schema first": r"never carry arguments over",
    "subscribe is the default": r"`subscribe` \| the default",
    "run has no queue": r"`run` \|[^|]*no queue",
    "submit, iter_events, get": r"fal_client\.submit\(.*iter_events\(.*handle\.get\(\)",
    "Python reads result[...]": r'result\["images"\]\[0\]\["url"\]',
    "JavaScript reads result.data": r"result\.data\.images\[0\]\.url",
    "on_queue_update": r"on_queue_update",
    "stream bypasses the queue": r"past the queue, no retries",
    "stream has no priority, start timeout, client timeout": r"no priority, no start timeout, no client timeout",
    "webhook_url": r"webhook_url=",
    "webhooks are not retried for ever": r"not for ever",
    "idempotent handlers": r"Claim its `request_id`",
    "the payload": r'"status": "OK", "payload": \{"images"',
    "upload local files": r"a local file is uploaded first",
    "no large base64": r"a few KB at most",
    "output URLs are temporary": r"download at once",
    "rehost": r"To rehost",
    "two billing models": r"serverless\) bills by GPU second",
    "H100": r'H100 "as low as" \$1\.89',
    "schnell is 10 to 20 times cheaper": r"20 times .{0,20}1 (MP|megapixel), 10 times",
    "cost grows with megapixels": r"More pixels cost proportionally more only where megapixels are billed",
    "get_pricing": r"`get_pricing`",
    "scopeful": r"scopeful\.org/tools/fal",
    "the seven image and video slugs": r"fal-ai/flux/schnell.*fal-ai/fast-sdxl.*kling-video/v3/pro/text-to-video",
    "the audio slugs": r"fal-ai/elevenlabs/tts/turbo-v2\.5.*fal-ai/minimax/speech-2\.8-hd",
    "fast-sdxl takes LoRAs": r"fast-sdxl` \(`loras`\)",
    "Kling makes audio": r"Kling v3 makes audio",
    "Pro has other controls than schnell": r"neither steps nor guidance",
    "voice-over after a clip": r"voice-over",
    "Replicate for pinned versions": r"pin(ned)? (a version )?by (its )?hash",
    "no tight polling": r"interval=1",
    "SDKs before hand-written HTTP": r"Write the HTTP calls by hand only where there is no SDK",
    "image_size": r'"image_size": "landscape_16_9"',
}


@pytest.mark.parametrize("claim", WRONG)
def test_no_wrong_claim_of_the_original_readme_survives(claim: str) -> None:
    found = re.search(WRONG[claim], EVERYTHING)
    assert not found, found and found[0]


@pytest.mark.parametrize("claim", RIGHT)
def test_every_right_claim_of_the_original_readme_is_kept(claim: str) -> None:
    assert re.search(RIGHT[claim], EVERYTHING), claim


@pytest.mark.parametrize("claim", WRONG)
def test_the_pattern_of_a_wrong_claim_finds_it(claim: str) -> None:
    """On the words of the original readme and of its relatives: a pattern that finds nothing would protect nothing."""
    assert any(re.search(WRONG[claim], squeezed(text)) for text in ORIGINAL), claim


ORIGINAL = (
    'args: ["-y", "@modelcontextprotocol/server-http", "https://mcp.fal.ai/mcp"]',
    "Webhooks fire once.",
    "stream() does not support priority, start_timeout, client_timeout, or custom headers",
    "(H100 ~$1.89/h, A100 ~$0.99/h)",
    '"fal-ai/kling-video/v3/pro/image-to-video", arguments={"image_url": url}',
    "Slugs follow fal-ai/<family>/<variant>",
    "Fastest Flux, 1-4 steps, sub-2s",
    "faster cold starts and lower latency than the rest",
    'The model is in fal\'s "fast-X" catalog',
    "Standard quality, commercial-use license",
    "Up to 2K, photoreal. up to 2K",
    "fal-ai/recraft/v4/text-to-image | Design, vector-friendly",
    "MCP exposes 9 tools",
    "claude mcp add --transport http fal-ai https://mcp.fal.ai/mcp",
    '--header "Authorization: Bearer $FAL_KEY"',
    "Storage uploads are free and faster",
    "https://fal.media/files/x.png",
    'if status == "FAILED": stop',
    "hmac.new(secret, body)",
    "Don't inline base64 for anything above a few hundred KB",
    "Flux schnell on fal returns a finished image in under two seconds",
)
