"""Shell text as commands: words with their quoting undone, variables known where the text sets them, here-documents."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .values import STRING, Place, Unknown, Value, joined, texts

MAX_COMMANDS = 5000
"""Commands of one text that are read."""
MAX_NESTING = 6
"""Command substitutions inside each other that are read."""

_NAME = re.compile(r"[A-Za-z_]\w*")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=")
_PROMPT = re.compile(r"^(\s*)(?:\$|>|%|❯)(?= \S)", re.MULTILINE)
_DOCKER = re.compile(r"^(\s*)(?:RUN|CMD|ENTRYPOINT|ENV)(?= )", re.MULTILINE)
_BLANK = " \t\r"
_KEYWORDS = frozenset(
    {"if", "then", "else", "elif", "while", "until", "do", "!", "time", "{", "exec", "sudo", "env", "command"}
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command."""

    value: Value
    """Its text, or an Unknown whose holes are expansions that the text does not settle."""
    place: Place
    literal: bool = True
    """Whether it stands in the text as it is, but for quotes."""

    @property
    def text(self) -> str:
        """The word, when it is known; otherwise an empty text."""
        return self.value if isinstance(self.value, str) else ""


@dataclass
class Command:
    """One simple command."""

    words: list[Word] = field(default_factory=list)
    document: str | None = None
    """The text of its here-document, and the line that it starts on."""
    document_line: int = 0
    target: str = ""
    """The file that its output goes to."""
    piped_from: Command | None = None
    end_line: int = 0

    @property
    def place(self) -> Place:
        """Where it begins."""
        return self.words[0].place

    @property
    def name(self) -> str:
        """The program that it runs, without its folder."""
        return self.words[0].text.rpartition("/")[2]


def commands(text: str) -> list[Command]:
    """Return the commands of a text, in order; whatever is no shell text gives words that mean nothing."""
    text = _PROMPT.sub(lambda match: match[1] + " ", text)
    text = _DOCKER.sub(lambda match: " " * len(match[0]), text)
    return _Reader(text).read()


class _Reader:
    """Reads shell text character by character; any text is read to its end."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.stop = len(text)
        self.line = 1
        self.line_start = 0
        self.depth = 0
        self.found: list[Command] = []
        self.variables: dict[str, Value] = {}
        self.waiting: list[tuple[Command, str, bool]] = []

    def read(self) -> list[Command]:
        current = Command()
        previous: Command | None = None
        length = self.stop
        while self.at < length and len(self.found) < MAX_COMMANDS:
            char = self.text[self.at]
            if char == "\n":
                current, previous = self.end(current, None), None
                self.newline()
                self.documents()
            elif char in _BLANK:
                self.at += 1
            elif char == "\\" and self.text[self.at + 1 : self.at + 2] in ("\n", "\r"):
                self.at += 3 if self.text[self.at + 1 : self.at + 3] == "\r\n" else 2
                self.line += 1
                self.line_start = self.at
            elif char == "#":
                end = self.text.find("\n", self.at)
                self.at = end if end >= 0 else length
            elif char == "|" and self.text[self.at : self.at + 2] != "||":
                self.at += 1
                previous = current if current.words else None
                current = self.end(current, previous)
            elif char in ";&|()":
                self.at += 1
                current = self.end(current, None)
            elif char in "<>":
                self.redirection(current)
            else:
                self.word(current)
        self.end(current, previous)
        return self.found

    def end(self, current: Command, feeds: Command | None) -> Command:
        """Close a command and return the next one."""
        words = current.words
        while words and words[0].text in _KEYWORDS:
            words.pop(0)
        while words and words[0].value is _ASSIGNED:
            words.pop(0)
        if words:
            current.end_line = self.line
            self.found.append(current)
        made = Command()
        made.piped_from = feeds if feeds is not None and feeds.words else None
        return made

    def newline(self) -> None:
        self.at += 1
        self.line += 1
        self.line_start = self.at

    def documents(self) -> None:
        """Read the here-documents that the line before has announced."""
        for command, word, strips in self.waiting:
            start, first = self.at, self.line
            lines = []
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                end = end if end >= 0 else len(self.text)
                line = self.text[self.at : end]
                self.at = min(end + 1, len(self.text))
                self.line += 1
                if (line.lstrip("\t") if strips else line).rstrip("\r") == word:
                    break
                lines.append(line)
            self.line_start = self.at
            if start < len(self.text):
                command.document, command.document_line = "\n".join(lines), first
        self.waiting.clear()

    def redirection(self, current: Command) -> None:
        operator = re.match(r"<<<|<<-?|>>|>&|<&|>\||<>|[<>]", self.text[self.at : self.at + 3])
        assert operator is not None
        self.at += len(operator[0])
        while self.at < len(self.text) and self.text[self.at] in _BLANK:
            self.at += 1
        holder = Command()
        if self.at < len(self.text) and self.text[self.at] not in "\n;|()<>":
            if self.text[self.at] == "&":
                self.at += 1
                return
            self.word(holder)
        word = holder.words[0].text if holder.words else ""
        if operator[0].startswith("<<") and operator[0] != "<<<":
            if word:
                self.waiting.append((current, word, operator[0] == "<<-"))
        elif operator[0] == "<<<" and holder.words:
            current.document, current.document_line = word, self.line
        elif operator[0] in (">", ">>", ">|") and word:
            current.target = word

    def word(self, current: Command) -> None:
        """Read one word, with its quotes and expansions."""
        place = Place(self.line, self.at - self.line_start + 1)
        start = self.at
        parts: list[Value] = []
        literal = True
        while self.at < self.stop:
            char = self.text[self.at]
            if char in " \t\r\n;|()<>&":
                if char == "&" and parts and "://" in "".join(part for part in parts if isinstance(part, str)):
                    parts.append(char)  # an address whose author forgot the quotes
                    self.at += 1
                    continue
                break
            if char == "'":
                end = self.text.find("'", self.at + 1)
                end = end if end >= 0 else len(self.text)
                self.take(parts, self.text[self.at + 1 : end], end + 1)
            elif char == '"':
                literal = self.quoted(parts) and literal
            elif char in "$`":
                parts.append(self.expansion())
                literal = False
            elif char == "\\":
                following = self.text[self.at + 1 : self.at + 2]
                self.take(parts, "" if following == "\n" else following, self.at + 2)
            else:
                end = self.at + 1
                while end < len(self.text) and self.text[end] not in " \t\r\n;|()<>&'\"$`\\":
                    end += 1
                self.take(parts, self.text[self.at : end], end)
        if self.at == start:  # nothing was read: never stay in place
            self.at += 1
            return
        value = joined(parts, self.text[start : min(self.at, start + 60)])
        assigned = _ASSIGNMENT.match(parts[0]) if parts and isinstance(parts[0], str) else None
        starts = all(
            word.value is _ASSIGNED or word.text in ("export", "local", "readonly", "declare") for word in current.words
        )
        if assigned is not None and starts:
            rest = joined([parts[0][assigned.end() :], *parts[1:]], "")
            self.variables[assigned[1]] = rest
            if current.words and current.words[0].text in ("export", "local", "readonly", "declare"):
                current.words.append(Word(value, place, literal))
            else:
                current.words.append(Word(_ASSIGNED, place))
        else:
            current.words.append(Word(value, place, literal and isinstance(value, str)))

    def take(self, parts: list[Value], text: str, end: int) -> None:
        newlines = self.text.count("\n", self.at, min(end, len(self.text)))
        if newlines:
            self.line += newlines
            self.line_start = self.text.rfind("\n", 0, min(end, len(self.text))) + 1
        parts.append(text)
        self.at = min(end, len(self.text))

    def quoted(self, parts: list[Value]) -> bool:
        """Read a double-quoted piece; return whether it holds no expansion."""
        self.at += 1
        literal = True
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                break
            if char == "\\":
                following = self.text[self.at + 1 : self.at + 2]
                meant = following if following in '"\\$`' else "" if following == "\n" else "\\" + following
                self.take(parts, meant, self.at + 2)
            elif char in "$`":
                parts.append(self.expansion())
                literal = False
            else:
                end = self.at + 1
                while end < len(self.text) and self.text[end] not in '"\\$`':
                    end += 1
                self.take(parts, self.text[self.at : end], end)
        return literal

    def expansion(self) -> Value:
        """Read ``$NAME``, ``${NAME…}``, ``$(…)`` or a backquoted command, and return its value."""
        start = self.at
        if self.text[start] == "`":
            end = self.text.find("`", start + 1)
            self.take([], "", (end if end >= 0 else len(self.text)) + 1)
            return Unknown(self.text[start : min(self.at, start + 60)], STRING)
        following = self.text[start + 1 : start + 2]
        if following in ("(", "{"):
            end = self.closing(start + 1, following)
            inner = self.text[start + 2 : end - 1]
            if following == "(" and self.depth < MAX_NESTING:
                self.substituted(start + 2, end - 1)
            self.take([], "", end)
            if following == "(":
                return Unknown(f"$({inner[:50]})", STRING)
            name = _NAME.match(inner)
            rest = inner[name.end() :] if name else inner
            if name and rest.startswith((":-", "-", ":=")):
                default = rest.lstrip(":-=").strip("'\"")
                return Unknown(f"${{{name[0]}}}", STRING, (default, *texts(self.variables.get(name[0]))))
            return self.variable(name[0]) if name and not rest else Unknown(f"${{{inner[:50]}}}", STRING)
        name = _NAME.match(self.text, start + 1)
        if name is None:
            self.at = start + 2 if following and following in "@*#?!$0123456789" else start + 1
            return Unknown(f"${following}", STRING) if self.at == start + 2 else "$"
        self.at = name.end()
        return self.variable(name[0])

    def substituted(self, start: int, end: int) -> None:
        """Read the commands of a substitution."""
        reader = _Reader(self.text)
        reader.at, reader.stop, reader.depth = start, end, self.depth + 1
        reader.line, reader.line_start = self.line, self.line_start
        reader.found, reader.variables = self.found, self.variables
        reader.read()

    def variable(self, name: str) -> Value:
        value = self.variables.get(name)
        return Unknown(f"${name}", STRING) if value is None else value

    def closing(self, start: int, opening: str) -> int:
        """Return the place after the bracket that closes the one at ``start``."""
        close = ")" if opening == "(" else "}"
        depth = 0
        quote = ""
        for place in range(start, min(len(self.text), start + 20_000)):
            char = self.text[place]
            if quote:
                quote = "" if char == quote else quote
            elif char in "'\"":
                quote = char
            elif char == opening:
                depth += 1
            elif char == close:
                depth -= 1
                if depth == 0:
                    return place + 1
        newline = self.text.find("\n", start)
        return newline if newline >= 0 else len(self.text)


_ASSIGNED = Unknown("assignment")
"""Marks the words before a command that set a variable."""
