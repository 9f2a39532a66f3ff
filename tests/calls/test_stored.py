"""URLs that are stored although nothing keeps the file behind them."""

from __future__ import annotations

import pytest

from calls.linting import codes

PY = 'import fal_client\nr = fal_client.run("fal-ai/flux/dev", {"prompt": "a"})\n'
JS = 'import { fal } from "@fal-ai/client";\nconst r = await fal.run("fal-ai/flux/dev", { input: { prompt: "a" } });\n'


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (PY + 'db.execute("INSERT INTO images VALUES (?)", (r["images"][0]["url"],))', "python"),
        (PY + 'url = r["images"][0]["url"]\nImage.objects.create(url=url)', "python"),
        (PY + 'import json\njson.dump({"url": r["images"][0]["url"]}, f)', "python"),
        (JS + "await prisma.image.create({ data: { url: r.data.images[0].url } });", "typescript"),
        (JS + "const url = r.data.images[0].url;\nawait db.collection('x').insertOne({ url });", "typescript"),
        (JS + "localStorage.setItem('last', r.data.images[0].url);", "javascript"),
    ],
)
def test_a_stored_url_without_a_download_is_found(text: str, language: str) -> None:
    assert codes(text, language) == ["stored-url"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (PY + 'print(r["images"][0]["url"])', "python"),
        (
            PY + 'import requests\nurl = r["images"][0]["url"]\n'
            'open("a", "wb").write(requests.get(url).content)\ndb.execute(q, (url,))',
            "python",
        ),
        (PY + 'urls = []\nurls.append(r["images"][0]["url"])', "python"),
        (JS + "res.json({ url: r.data.images[0].url });", "javascript"),
        (JS + "setImage(r.data.images[0].url);", "javascript"),
        (
            JS + "const f = await fetch(r.data.images[0].url);\n"
            "await db.image.create({ data: { url: r.data.images[0].url } });",
            "typescript",
        ),
        (JS + "seen.add(r.data.seed);", "javascript"),
    ],
)
def test_other_uses_of_a_url_are_left_alone(text: str, language: str) -> None:
    assert codes(text, language) == []
