"""Where a batch's program reads its values when it runs: a table, a list of texts, or the files of a folder."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import UsageError

FORMS = "FILE.csv, FILE.csv:COLUMN, FILE.txt, FILE.json, DIR/*.EXT or DIR/*"


class Values(NamedTuple):
    """The source of the varied field's values."""

    kind: str
    """csv, txt, json, or folder."""
    path: str
    """The file, or the folder whose files are the values."""
    column: str = ""
    """csv: the column; empty until the varied field is known, whose name it then is."""
    suffix: str = ""
    """folder: the files' ending in lower case, ``.jpg``; empty for all files."""

    @property
    def is_folder(self) -> bool:
        """Whether each value is a file of a folder."""
        return self.kind == "folder"


def parsed_values(text: str, language: str) -> Values:
    """Return the source that ``--values`` names; UsageError when it is none, or the language cannot read it."""
    shown = text[:80]
    if text.startswith("~"):
        raise UsageError(f"--values {shown!r}: the program would not find ~", hint="write the folder out")
    table = re.fullmatch(r"(.+\.csv)(?::(.+))?", text, re.IGNORECASE | re.DOTALL)
    if table:
        if not language.startswith("python"):
            hint = "use --language python, or convert it to a .json list of texts"
            raise UsageError(f"--values {shown!r}: Node has no reader for CSV", hint=hint)
        return Values("csv", table[1], column=table[2] or "")
    if text.lower().endswith((".txt", ".json")):
        return Values(text.lower().rpartition(".")[2], text)
    folder, _, pattern = text.replace("\\", "/").rpartition("/")
    files = re.fullmatch(r"\*(\.[^*?\[\]{}/.]+)?", pattern)
    if files is None or re.search(r"[*?\[\]{}]", folder):
        raise UsageError(f"--values {shown!r} is none of the forms that a batch reads: {FORMS}")
    folder = folder or ("/" if text.startswith("/") else ".")
    if files[1] is None and not re.sub(r"[./]", "", folder):
        raise UsageError(f"--values {shown!r} would take the program for an input", hint="put the files into a folder")
    return Values("folder", folder, suffix=(files[1] or "").lower())
