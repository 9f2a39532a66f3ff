"""@fal-ai/server-proxy in a small express app, and the real client talking to fal through it."""

from __future__ import annotations

import json

import sandbox_programs
from fal_skill.sandbox import Sandbox
from sandbox_programs import RunNode

fal_sandbox = sandbox_programs.fal_sandbox
fal_sandbox_server = sandbox_programs.fal_sandbox_server
fal_sandbox_settings = sandbox_programs.fal_sandbox_settings
npm_packages = sandbox_programs.npm_packages
run_node = sandbox_programs.run_node


APP = """
import express from "express";
import * as falProxy from "@fal-ai/server-proxy/express";
import { createFalClient } from "@fal-ai/client";

const app = express();
app.use(express.json());
app.all(falProxy.route, falProxy.handler);
const server = app.listen(0, "127.0.0.1", async () => {
  const url = `http://127.0.0.1:${server.address().port}${falProxy.route}`;
  const fal = createFalClient({ proxyUrl: { url, when: "always" }, credentials: () => undefined });
  const result = await fal.subscribe("fal-ai/flux/schnell", { input: { prompt: "a cat", seed: 7 }, pollInterval: 100 });
  console.log(JSON.stringify(result.data.seed));
  const refused = await fal.run("fal-ai/flux/schnell", { input: {} }).catch((error) => ({ data: error.body }));
  console.log(JSON.stringify(refused.data.detail[0].type));
  const headers = { "x-fal-target-url": "https://example.com/" };
  const reply = await fetch(url, { method: "POST", headers, body: "{}" });
  console.log(JSON.stringify(reply.status));
  await reply.text();
  server.close();
  process.exit(0);
});
"""


def test_a_client_without_a_key_is_served_through_the_proxy(run_node: RunNode, fal_sandbox: Sandbox) -> None:
    done = run_node(APP)
    assert done.returncode == 0, done.stderr
    # Version 1.2.1 passes a refusal on with the status 200, so its body is what there is to look at.
    seed, refused, foreign = [json.loads(line) for line in done.stdout.splitlines()]
    assert (seed, refused) == (7, "missing")
    assert foreign >= 400
    report = fal_sandbox.report()
    assert [job["slug"] for job in report["jobs"]] == ["fal-ai/flux/schnell"] * 2
    # What goes through fal's own proxy is not hand-rolled, whatever its HTTP library calls itself.
    assert {violation["code"] for violation in report["violations"]} == {"rejected-arguments"}
    assert "example.com" not in report["refused_hosts"]
