"""What an expression denotes: ``f.SyncClient().subscribe`` after ``import fal_client as f`` is
``fal_client.SyncClient().subscribe``.

A reference is the dotted path from a module or a global name. Calls on the way are written ``()``; names that an
import, an assignment, an attribute of ``self`` or a function of the same file made are followed to their origin.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import tree
from .program import SELF, Binding, Program
from .sdk import is_fal
from .tree import Node

MAX_DEPTH = 24
"""Assignments that one name is followed through."""

_CLIENT_NAMES = frozenset({"fal", "falClient", "fal_client"})
_FACTORIES = frozenset({"createFalClient", "getFalClient", "getFal", "get_fal_client"})
_CLIENT_TYPES = {
    "FalClient": "@fal-ai/client.createFalClient()",
    "fal_client.SyncClient": "fal_client.SyncClient()",
    "fal_client.AsyncClient": "fal_client.AsyncClient()",
}
_TRANSPARENT_CALLS = frozenset({"typing.cast", "cast", "Promise.resolve", "asyncio.run"})


class References:
    """Finds what the names of a program denote."""

    def __init__(self, program: Program, known: Mapping[str, str] | None = None) -> None:
        """``known`` are references of names that the text uses and does not bind, as an excerpt does."""
        self._program = program
        self._known = dict(known or {})
        self._found: dict[Node, str] = {}

    def of(self, node: Node, depth: int = 0) -> str:
        """Return the reference of an expression; empty when it is none or cannot be followed."""
        found = self._found.get(node)
        if found is None:
            self._found[node] = ""  # what refers to itself denotes nothing
            found = self._found[node] = self._of(node, depth) if depth < MAX_DEPTH else ""
        return found

    def _of(self, node: Node, depth: int) -> str:
        if node.kind == tree.NAME:
            return self._name(node, depth)
        if node.kind == tree.MEMBER:
            return self._member(node, node.text, depth)
        if node.kind == tree.ITEM and not self._program.is_python:
            key = node.parts[1]
            is_name = key.kind == tree.CONST and isinstance(key.value, str)
            return self._member(node, key.value, depth) if is_name else ""
        if node.kind == tree.CALL:
            return self._call(node, depth)
        if node.kind in (tree.AWAIT, tree.ASSIGN) and node.parts:
            return self.of(node.parts[0], depth + 1)
        if node.kind == tree.EITHER:
            options = node.parts[:2] if node.text == "if" else node.parts
            found = [self.of(option, depth + 1) for option in options]
            return max(found, key=lambda option: (is_fal(option), bool(option)), default="")
        return ""

    def _name(self, node: Node, depth: int) -> str:
        bindings = self._program.reaching(node)
        found = [self._binding(binding, depth) for binding in bindings]
        best = max(found, key=lambda option: (is_fal(option), bool(option)), default="")
        if best:
            return best
        if bindings and node.text not in _CLIENT_NAMES:
            return ""
        return self._known.get(node.text, node.text)

    def _binding(self, binding: Binding, depth: int) -> str:
        if binding.imported is not None:
            return _import(binding)
        if binding.parameter is not None:
            found = self._typed(binding.parameter.annotation)
            if not found and binding.parameter.default is not None and not binding.path:
                found = self.of(binding.parameter.default, depth + 1)
            return found
        if binding.value is None or binding.value.kind in (tree.FUNCTION, tree.CLASS):
            return ""
        found = self.of(binding.value, depth + 1)
        if not found:
            return self._typed(str(binding.node.value or "")) if binding.node.kind == tree.ASSIGN else ""
        if not all(isinstance(step, str) for step in binding.path):
            return ""
        return ".".join((found, *binding.path))

    def _typed(self, annotation: str) -> str:
        """Return the reference of a value of a type: of a client, when the type is one of fal's."""
        name = annotation.split("|")[0].strip()
        made = _CLIENT_TYPES.get(name, "")
        for binding in self._program.top_level.get(name, ()) if not made else ():
            if binding.imported is not None:  # AsyncClient is a name of httpx too
                made = _CLIENT_TYPES.get(_import(binding).replace("fal_client.client.", "fal_client."), "")
        return made

    def _member(self, node: Node, name: str, depth: int) -> str:
        target = node.parts[0]
        if target.kind == tree.NAME and target.text in SELF:
            owner = self._program.class_of(node)
            for binding in self._program.attributes.get(owner, {}).get(name, ()) if owner else ():
                found = self._binding(binding, depth)
                if found:
                    return found
            return name if name in _CLIENT_NAMES else ""
        base = self.of(target, depth + 1)
        return f"{base}.{name}" if base else ""

    def _call(self, node: Node, depth: int) -> str:
        function = self.of(node.parts[0], depth + 1)
        arguments = node.parts[1:]
        if function in ("require", "import", "importlib.import_module", "__import__"):
            named = arguments[0].value if arguments and arguments[0].kind == tree.CONST else None
            return named if isinstance(named, str) else ""
        if function == "getattr" and len(arguments) > 1:
            name = arguments[1].value if arguments[1].kind == tree.CONST else None
            base = self.of(arguments[0], depth + 1)
            return f"{base}.{name}" if base and isinstance(name, str) else ""
        if function in _TRANSPARENT_CALLS and arguments:
            return self.of(arguments[-1], depth + 1)
        if function:
            return function + "()"
        for made in self._functions(node.parts[0]):
            for value in self._program.returns(made):
                found = self.of(value, depth + 1)
                if found:
                    return found
        return ""

    def _functions(self, target: Node) -> list[Node]:
        if target.kind == tree.NAME or (target.kind == tree.MEMBER and target.parts[0].text in SELF):
            found = self._program.functions.get(target.text, [])
            return found if len(found) == 1 else []
        return []

    def exported(self) -> dict[str, str]:
        """Return the references of the names bound at the top level, for the excerpts that follow in a document."""
        made = dict(self._known)
        root = self._program.root
        for bindings in self._program.top_level.values():
            for binding in bindings:
                found = self._binding(binding, 0) if binding.node is not root else ""
                if found:
                    made[binding.name] = found
        return made


def _import(binding: Binding) -> str:
    assert binding.imported is not None
    module, name = binding.node.text, binding.imported.name
    if module.startswith((".", "@/", "~/", "#", "src/", "$lib")) or ("/" in module and not module.startswith("@")):
        # A module of the same project: what it exports is known by name only.
        if name in _CLIENT_NAMES or (name == "default" and binding.imported.local in _CLIENT_NAMES):
            return "fal_client" if name == "fal_client" else "@fal-ai/client.fal"
        return "@fal-ai/client.createFalClient" if name in _FACTORIES else ""
    return module if name == "*" else f"{module}.{name}"
