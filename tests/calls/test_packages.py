"""Clients that are outdated, deprecated or wrongly imported, and functions that they do not have."""

from __future__ import annotations

import pytest

from calls.linting import codes, problems
from fal_skill.calls.rules.packages import admits_1


@pytest.mark.parametrize(
    ("specifier", "expected"),
    [
        ("==0.5.9", False), ("<1", False), ("<1.0", False), ("~=0.5", False), ("^0.5", False), ("~0.13", False),
        ("<=0.14.1", False), ("==0.*", False), (">=0.5,<1", False), (">=0.5, <1.0.0", False), ("0.5.9", False),
        (">=0.5", True), (">=1.0.3,<2", True), ("==1.0.3", True), ("==1.*", True), ("~=1.0", True), ("^1.0", True),
        ("<2", True), ("!=0.9", True), (">0.5", True), ("<=1.0.0", True), ("^0.5 || ^1.0", True),
    ],
)  # fmt: skip
def test_a_specifier_lets_version_1_in_or_not(specifier: str, expected: bool) -> None:
    assert admits_1(specifier) is expected


@pytest.mark.parametrize(
    ("text", "language", "path"),
    [
        ("fal-client==0.5.9\n", "requirements", "requirements.txt"),
        ("fal_client<1\n", "requirements", "requirements.txt"),
        ('[project]\ndependencies = ["fal-client>=0.4,<1"]\n', "toml", "pyproject.toml"),
        ('[tool.poetry.dependencies]\nfal-client = "^0.5"\n', "toml", "pyproject.toml"),
        ('[tool.poetry.dependencies]\nfal-client = {version = "^0.5", optional = true}\n', "toml", "pyproject.toml"),
        ('[[package]]\nname = "fal-client"\nversion = "0.7.0"\n', "toml", "uv.lock"),
        ("pip install 'fal-client<1'\n", "shell", "setup.sh"),
        ("uv add fal-client==0.9\n", "shell", "setup.sh"),
        ("RUN pip install --no-cache-dir fal-client==0.5.9\n", "shell", "Dockerfile"),
        ("```bash\npip install fal-client==0.5.9\n```\n", "markdown", "README.md"),
        ('setup(install_requires=["fal-client~=0.5"])\n', "python", "setup.py"),
        ('# /// script\n# dependencies = ["fal-client<1"]\n# ///\nimport fal_client\n', "python", "x.py"),
        ("dependencies:\n  - pip:\n    - fal-client==0.5.9\n", "yaml", "environment.yml"),
        ('{"dependencies": {"@fal-ai/client": "^0.9.0"}}', "json", "package.json"),
    ],
)
def test_a_pin_below_1_is_found_in_every_manifest(text: str, language: str, path: str) -> None:
    assert codes(text, language, path) == ["old-client"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("fal-client>=1.0.3,<2\n", "requirements"),
        ("fal-client\n", "requirements"),
        ("# fal-client==0.5.9 was the last of its kind\n", "requirements"),
        ('dependencies = ["fal-client>=0.5"]\n', "toml"),
        ("pip install fal-client\n", "shell"),
        ('{"dependencies": {"@fal-ai/client": "^1.10.1"}}', "json"),
    ],
)
def test_other_requirements_are_left_alone(text: str, language: str) -> None:
    assert codes(text, language) == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ('import * as fal from "@fal-ai/serverless-client";', "typescript"),
        ('import fal from "@fal-ai/serverless-client";', "javascript"),
        ('const fal = require("@fal-ai/serverless-client");', "javascript"),
        ('import { route } from "@fal-ai/serverless-proxy/nextjs";', "typescript"),
        ('{"dependencies": {"@fal-ai/serverless-client": "^0.14.0"}}', "json"),
        ("npm install @fal-ai/serverless-client\n", "shell"),
        ("npm i --save @fal-ai/serverless-client@0.14.2\n", "shell"),
        ("fal-serverless==0.6.41\n", "requirements"),
        ("import fal_serverless", "python"),
    ],
)
def test_a_deprecated_package_is_found_where_it_is_asked_for(text: str, language: str) -> None:
    assert codes(text, language) == ["deprecated-package"]


@pytest.mark.parametrize(
    ("text", "language", "code"),
    [
        (
            'import fal from "@fal-ai/client";\nfal.subscribe("fal-ai/flux/dev", { input: { prompt: "a" } '
            '});', "javascript", "wrong-import"),
        (
            'import * as fal from "@fal-ai/client";\n'
            'fal.run("fal-ai/flux/dev", { input: { prompt: "a" } });', "javascript", "wrong-import"),
        ("from fal_client import chat", "python", "wrong-import"),
        ('import { fal } from "@fal-ai/client";\nfal.jobs.get("fal-ai/flux/dev", id);', "javascript", "unknown-method"),
        ('import { fal } from "@fal-ai/client";\nfal.upload(file);', "javascript", "unknown-method"),
        ("import fal_client\nfal_client.get_model_schema('fal-ai/flux/dev')", "python", "unknown-method"),
        ("import fal_client\nfal_client.queue.submit('fal-ai/flux/dev', {'prompt': 'a'})", "python", "unknown-method"),
        (
            "import fal_client\nfal_client.AsyncClient().subscribe_async('fal-ai/flux/dev', {'prompt': "
            "'a'})", "python", "unknown-method"),
    ],
)  # fmt: skip
def test_what_the_client_does_not_have_is_found(text: str, language: str, code: str) -> None:
    assert codes(text, language) == [code]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (
            'import { fal, ApiError, createFalClient } from "@fal-ai/client";\n'
            'fal.config({ proxyUrl: "/x" }); fal.storage.upload(f);', "javascript"),
        ('import * as falClient from "@fal-ai/client";\nfalClient.fal.config({});', "javascript"),
        ("from fal_client import SyncClient, InProgress, FalClientHTTPError", "python"),
        (
            "import fal_client\nfal_client.upload_image_async(i); fal_client.Completed(); "
            "fal_client.client.MAX_ATTEMPTS", "python"),
        ("import fal_client\nc = fal_client.SyncClient()\nc.get_handle('fal-ai/flux', i).get()", "python"),
    ],
)  # fmt: skip
def test_what_the_client_has_is_left_alone(text: str, language: str) -> None:
    assert codes(text, language) == []


def test_what_the_old_client_gives_is_told() -> None:
    (problem,) = problems('import * as fal from "@fal-ai/serverless-client";', "javascript")
    assert "{data, requestId}" in problem.finding.hint
