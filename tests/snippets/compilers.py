"""Whether a snippet is a legal program of its language."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

import tree_sitter
import tree_sitter_javascript
import tree_sitter_typescript

if TYPE_CHECKING:
    from collections.abc import Iterator


@lru_cache(maxsize=2)
def _parser(language: str) -> tree_sitter.Parser:
    grammar = (
        tree_sitter_typescript.language_typescript() if language == "typescript" else tree_sitter_javascript.language()
    )
    return tree_sitter.Parser(tree_sitter.Language(grammar))


def syntax_errors(code: str, language: str) -> list[str]:
    """Return what is wrong with a program, by line; an empty list when it compiles."""
    if language.startswith("python"):
        try:
            compile(code, "snippet.py", "exec", flags=ast.PyCF_ONLY_AST, dont_inherit=True)
        except SyntaxError as error:
            return [f"line {error.lineno}: {error.msg}"]
        return []
    root = _parser(language).parse(code.encode()).root_node
    return [f"line {node.start_point[0] + 1}: {node.type}" for node in _broken(root)] if root.has_error else []


def _broken(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    pending = [root]
    while pending:
        node = pending.pop()
        if node.is_error or node.is_missing:
            yield node
        pending.extend(node.children)
