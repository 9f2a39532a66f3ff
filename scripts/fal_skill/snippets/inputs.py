"""The values of a batch, as far as a proof runs them: copied, shortened, or made up where there are none."""

from __future__ import annotations

import csv
import io
import json
import mimetypes
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .uploads import Upload, local_path

if TYPE_CHECKING:
    from .batches import Reads

MOST = 20
"""Values that a proof runs: enough to show how the program goes on from one to the next."""
_SUFFIXES = {"image": ".png", "video": ".mp4", "audio": ".mp3"}


class BatchInputs:
    """What lies in a proof's folder for the program to read: no more values than MOST and the budget allow.

    A source that cannot be read, or lacks the column, is copied as it is: then the program has to say so.
    """

    def __init__(self, reads: Reads, folder: Path) -> None:
        self._reads = reads
        self._source = Path(reads.values.path)
        self._target = folder / reads.values.path
        self.stand_ins: tuple[str, ...] = ()
        """The source, when it does not exist and a made-up one lies in its place."""
        self.shortened = ""
        """What was taken of the values, when not all."""
        self.uploads: tuple[Upload, ...] = ()
        """The files that the values name; they are not in the folder yet."""
        if reads.values.is_folder:
            self._target.mkdir(parents=True, exist_ok=True)
            values = self._files()
        else:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            values = self._texts()
        if reads.vary.is_file:
            paths = [path for value in values if (path := local_path(value)) is not None]
            kinds = [mimetypes.guess_type(path)[0] or "application/octet-stream" for path in paths]
            self.uploads = tuple(map(Upload, paths, [reads.vary.field] * len(paths), kinds))

    def _files(self) -> list[str]:
        suffix = self._reads.values.suffix
        files = [path for path in (self._source.iterdir() if self._source.is_dir() else ()) if path.is_file()]
        found = sorted(str(path) for path in files if path.name[0] != "." and suffix in ("", path.suffix.lower()))
        if found:
            return self._part(found)
        ending = suffix or _SUFFIXES.get(self._reads.vary.kind, ".bin")
        return [str(self._source / f"{name}{ending}") for name in ("first", "second")]

    def _texts(self) -> list[str]:
        values, vary = self._reads.values, self._reads.vary
        if not self._source.is_file():
            self.stand_ins = (values.path,)
            ending = _SUFFIXES.get(vary.kind, ".bin")
            made = [f"{word}-file{ending}" if vary.is_file else f"{word} {vary.name}" for word in ("first", "second")]
            self._write(made)
            return made
        try:
            found = self._read()
            part = self._part(found)
            self._write(part)
        except (OSError, ValueError, KeyError, TypeError, csv.Error):
            shutil.copyfile(self._source, self._target)
            return []
        return part

    def _read(self) -> list[str]:
        text = self._source.read_text(encoding="utf-8-sig") if self._reads.values.kind != "csv" else ""
        found: list[Any]
        if self._reads.values.kind == "txt":
            found = text.split("\n")
        elif self._reads.values.kind == "json":
            found = json.loads(text)
        else:
            with self._source.open(newline="", encoding="utf-8-sig") as file:
                found = [row[self._reads.values.column] or "" for row in csv.DictReader(file)]
        if not isinstance(found, list) or not all(isinstance(value, str) for value in found):
            raise TypeError("not a list of texts")
        return [value for value in found if value.strip()]

    def _write(self, found: list[str]) -> None:
        if self._reads.values.kind == "txt":
            text = "".join(value + "\n" for value in found)
        elif self._reads.values.kind == "json":
            text = json.dumps(found)
        else:
            table = io.StringIO()
            rows = csv.writer(table)
            rows.writerow([self._reads.values.column])
            rows.writerows([value] for value in found)
            text = table.getvalue()
        self._target.write_text(text, encoding="utf-8", newline="")

    def _part(self, found: list[str]) -> list[str]:
        """Return the first of the values, and note it when that is not all."""
        count = min(len(found), MOST)
        cost = self._reads.cost
        while cost is not None and count > 1:
            longest = max(len(value) for value in found[:count])
            if count * (cost.base + cost.per_1000_characters * longest / 1000) <= self._reads.max_cost + 1e-9:
                break
            count -= 1
        if count < len(found):
            self.shortened = f"the first {count} of {len(found)} in {self._reads.values.path}"
        return found[:count]
