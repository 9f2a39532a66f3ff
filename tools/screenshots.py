#!/usr/bin/env python3
"""Take the README's pictures: the brief as a terminal shows it, and the evals' report as a browser shows it.

They are taken of what the programs print today, with a Chromium that runs without a window::

    sh .ci/uv run tools/screenshots.py [--browser chromium] [brief] [report]
"""

from __future__ import annotations

import argparse
import html
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = '{"prompt": "rain-soaked neon street at night", "image_size": "landscape_16_9"}'
BRIEF = ["scripts/write_brief.py", "fal-ai/flux/schnell", "--format", "text", "--prove", "--arguments", ARGUMENTS]
TYPED = (
    "$ sh .ci/uv run scripts/write_brief.py fal-ai/flux/schnell --format text --prove \\\n"
    f"    --arguments '{ARGUMENTS}'"
)
TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #16181d; }}
pre {{ margin: 0; padding: 22px 26px; color: #d9dce3; font: 14px/1.45 "DejaVu Sans Mono", Menlo, Consolas, monospace;
      white-space: pre-wrap; }}
b {{ color: #8fd0a0; font-weight: 600; }}
</style><pre><b>{typed}</b>

{printed}</pre>"""


def main() -> int:
    """Take the pictures that were asked for."""
    made = argparse.ArgumentParser(description="Take the README's pictures.")
    made.add_argument("which", nargs="*", metavar="brief|report", help="all of them unless named")
    made.add_argument("--browser", help=f"a Chromium; by itself the first of {', '.join(BROWSERS)}")
    asked = made.parse_args()
    unknown = set(asked.which) - {"brief", "report"}
    if unknown:
        made.error(f"no picture is called {', '.join(sorted(unknown))}: brief or report")
    browser = asked.browser or next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        print("screenshots: no Chromium on the PATH: install one, or --browser PATH", file=sys.stderr)
        return 7
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder)
        for name in asked.which or ("brief", "report"):
            page = brief_page(pages) if name == "brief" else report_page(pages)
            target = PICTURES / f"{name}.png"
            size = (980, _height(page)) if name == "brief" else (1180, 1230)
            screenshot(browser, page, target, size, pages / "profile")
            print(target.relative_to(ROOT))
    return 0


def brief_page(folder: Path) -> Path:
    """Run the README's command and write what it prints as a page that looks like a terminal."""
    printed = _printed([sys.executable, *BRIEF])
    page = folder / "brief.html"
    page.write_text(TERMINAL.format(typed=html.escape(TYPED), printed=html.escape(printed)), encoding="utf-8")
    return page


def report_page(folder: Path) -> Path:
    """Grade the recorded answers and return the report."""
    page = folder / "report.html"
    _printed([sys.executable, "evals/run.py", "--agent", "replay", "--html", str(page), "--jobs", "8"])
    return page


def screenshot(browser: str, page: Path, target: Path, size: tuple[int, int], profile: Path) -> None:
    """Have the browser draw a page and keep the picture; CalledProcessError when it could not."""
    width, height = size
    subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",  # containers have no user namespaces for it, and the page is our own
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            f"--screenshot={target}",
            page.as_uri(),
        ],
        check=True,
        timeout=120,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _printed(command: list[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=900)
    if done.returncode:
        raise SystemExit(f"screenshots: {' '.join(command[1:3])} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def _height(page: Path) -> int:
    """Pixels that a terminal's page needs: its lines, folded at the width of the picture."""
    lines = page.read_text(encoding="utf-8").partition("<pre>")[2].splitlines()
    return 44 + sum(20.3 * max(1, -(-len(html.unescape(line)) // 110)) for line in lines).__ceil__()


if __name__ == "__main__":
    sys.exit(main())
