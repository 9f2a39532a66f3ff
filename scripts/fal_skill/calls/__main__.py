"""``python -m fal_skill.calls`` is ``check_calls.py``."""

from ..console import run
from .command import main

run(main)
