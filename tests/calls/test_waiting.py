"""Polling too fast, mixed-up units, and statuses that fal does not have."""

from __future__ import annotations

import pytest

from calls.linting import codes, problems

PY = "import fal_client, time, asyncio\nM = 'fal-ai/flux/dev'\n"
JS = 'import { fal } from "@fal-ai/client";\nconst M = "fal-ai/flux/dev";\n'


@pytest.mark.parametrize(
    ("code", "language", "expected"),
    [
        (
            "while True:\n    s = fal_client.status(M, r)\n"
            "    if isinstance(s, fal_client.Completed): break", "python", ["tight-polling"]),
        ("while True:\n    s = fal_client.status(M, r)\n    time.sleep(0.01)", "python", ["tight-polling"]),
        ("while True:\n    s = fal_client.status(M, r)\n    time.sleep(1)", "python", []),
        ("while True:\n    s = fal_client.status(M, r)\n    time.sleep(interval)", "python", []),
        ("WAIT = 0.01\nwhile True:\n    s = fal_client.status(M, r)\n    time.sleep(WAIT)", "python",
         ["tight-polling"]),
        ("for _ in range(99):\n    s = fal_client.status(M, r)", "python", ["tight-polling"]),
        ("for r in requests:\n    s = fal_client.status(M, r)", "python", []),
        (
            "async def f():\n    while True:\n        s = await fal_client.status_async(M, r)\n"
            "        await asyncio.sleep(2)", "python", []),
        (
            "import requests\nwhile True:\n    s = "
            "requests.get(f'https://queue.fal.run/{M}/requests/{r}/status', headers=h)", "python", ["tight-polling"]),
        (
            "while (true) { const s = await fal.queue.status(M, { requestId }); if (s.status === "
            "'COMPLETED') break; }", "javascript", ["tight-polling"]),
        (
            "while (true) { const s = await fal.queue.status(M, { requestId }); await new Promise((r) => "
            "setTimeout(r, 10)); }", "javascript", ["tight-polling"]),
        (
            "while (true) { const s = await fal.queue.status(M, { requestId }); await new Promise((r) => "
            "setTimeout(r, 1000)); }", "javascript", []),
        ("while (true) { const s = await fal.queue.status(M, { requestId }); await sleep(2000); }", "javascript", []),
        ("for (let i = 0; i < 99; i++) { await fal.queue.status(M, { requestId }); }", "javascript", ["tight-polling"]),
        ("const s = await fal.queue.status(M, { requestId });", "javascript", []),
    ],
)  # fmt: skip
def test_a_loop_that_asks_without_waiting_is_found(code: str, language: str, expected: list[str]) -> None:
    assert codes((PY if language == "python" else JS) + code, language) == expected


@pytest.mark.parametrize(
    ("option", "language", "expected"),
    [
        ("interval=1", "python", []),
        ("interval=0", "python", ["tight-polling"]),
        ("interval=0.05", "python", ["tight-polling"]),
        ("interval=500", "python", ["time-unit"]),
        ("client_timeout=300", "python", []),
        ("client_timeout=300_000", "python", ["time-unit"]),
        ("pollInterval: 1000", "javascript", []),
        ("pollInterval: 1", "javascript", ["tight-polling"]),
        ("timeout: 60", "javascript", ["time-unit"]),
        ("timeout: 60_000", "javascript", []),
        ("startTimeout: 300", "javascript", []),
    ],
)
def test_units_of_time_are_those_of_the_sdk(option: str, language: str, expected: list[str]) -> None:
    if language == "python":
        assert codes(PY + f"fal_client.subscribe(M, {{'prompt': 'a'}}, {option})") == expected
    else:
        assert codes(JS + f'fal.subscribe(M, {{ input: {{ prompt: "a" }}, {option} }})', language) == expected


@pytest.mark.parametrize(
    ("code", "language", "expected"),
    [
        ('const s = await fal.queue.status(M, { requestId }); if (s.status === "FAILED") fail();', "javascript",
         ["failed-status"]),
        (
            'const s = await fal.queue.status(M, { requestId }); switch (s.status) { case "COMPLETED": a();'
            ' break; case "FAILED": b(); }', "javascript", ["failed-status"]),
        (
            'const { status } = await fal.queue.status(M, { requestId }); if (status === "CANCELLED") '
            'fail();', "javascript", ["failed-status"]),
        (
            'const s = await fal.queue.status(M, { requestId }); if (["COMPLETED", '
            '"FAILED"].includes(s.status)) done();', "javascript", ["failed-status"]),
        (
            'fal.subscribe(M, { input: { prompt: "a" }, onQueueUpdate: (u) => { if (u.status === "FAILED") '
            'fail(); } });', "javascript", ["failed-status"]),
        ('const s = await fal.queue.status(M, { requestId }); if (s.status === "COMPLETED") done();', "javascript", []),
        (
            'const s = await fal.queue.status(M, { requestId }); if (s.status !== "IN_PROGRESS" && '
            's.status !== "IN_QUEUE") done();', "javascript", []),
        ('if (job.status === "FAILED") retry(); await fal.queue.status(M, { requestId });', "javascript", []),
        ("s = fal_client.status(M, r)\nif s == 'COMPLETED': pass", "python", ["status-object"]),
        ("s = fal_client.status(M, r)\nif s.status == 'FAILED': pass", "python", ["status-object"]),
        ("s = fal_client.status(M, r)\nif s['status'] == 'COMPLETED': pass", "python", ["status-object"]),
        ("s = fal_client.status(M, r)\nif isinstance(s, fal_client.Completed): print(s.logs, s.error)", "python", []),
        (
            "h = fal_client.submit(M, {'prompt': 'a'})\nfor e in h.iter_events(with_logs=True):\n"
            "    if isinstance(e, fal_client.InProgress): print(e.logs)", "python", []),
        (
            "h = fal_client.submit(M, {'prompt': 'a'})\nfor e in h.iter_events():\n"
            "    if e['status'] == 'FAILED': pass", "python", ["status-object"]),
        (
            "def on(u):\n    if u.status == 'FAILED': pass\n"
            "fal_client.subscribe(M, {'prompt': 'a'}, on_queue_update=on)", "python", ["status-object"]),
        (
            "import requests\ns = requests.get(f'https://queue.fal.run/{M}/requests/{r}/status', "
            "headers=h).json()\nif s['status'] == 'FAILED': pass", "python", ["failed-status"]),
    ],
)  # fmt: skip
def test_a_status_is_one_of_the_three_there_are(code: str, language: str, expected: list[str]) -> None:
    assert codes((PY if language == "python" else JS) + code, language) == expected


def test_the_finding_says_what_to_do_instead() -> None:
    (problem,) = problems(
        JS + 'const s = await fal.queue.status(M, { requestId });\nif (s.status === "FAILED") x();', "javascript"
    )
    assert problem.place.line == 4
    assert "COMPLETED with error" in problem.finding.hint
