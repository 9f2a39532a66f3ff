"""JavaScript and TypeScript source as a tree, by tree-sitter, which reads incomplete and broken text too.

tree-sitter and its grammars are optional packages: without them :func:`javascript_tree` raises ModuleNotFoundError.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from . import tree
from .tree import Imported, Node, Param

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax
    from tree_sitter import Parser

_TYPES_ONLY = frozenset({
    "type_annotation", "type_arguments", "type_parameters", "interface_declaration", "type_alias_declaration",
    "comment", "hash_bang_line", "accessibility_modifier", "predefined_type", "ambient_declaration", "regex_pattern",
    "regex_flags", "string_fragment", "escape_sequence", "jsx_text", "html_comment", "override_modifier",
    "implements_clause", "function_signature", "method_signature", "abstract_method_signature", "asserts_annotation",
    "type_predicate",
})  # fmt: skip
"""Syntax that no call stands in."""
_ESCAPE = re.compile(r"\\(u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\r?\n|[\s\S])")
_SHORT_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": "", "\r\n": ""}


@lru_cache(maxsize=3)
def _parser(language: str) -> Parser:
    import tree_sitter

    if language == "javascript":
        import tree_sitter_javascript

        return tree_sitter.Parser(tree_sitter.Language(tree_sitter_javascript.language()))
    import tree_sitter_typescript

    grammar = tree_sitter_typescript.language_tsx if language == "tsx" else tree_sitter_typescript.language_typescript
    return tree_sitter.Parser(tree_sitter.Language(grammar()))


def javascript_tree(text: str, language: str) -> Node:
    """Return the text's tree; ``language`` is javascript, typescript or tsx."""
    source = text.encode("utf-8", "replace")
    syntax = _parser(language).parse(source)
    order: list[tuple[Syntax, str, list[Syntax]]] = []
    stack = [syntax.root_node]
    while stack:
        node = stack.pop()
        inner = [child for child in node.named_children if child.type not in _TYPES_ONLY]
        order.append((node, node.type, inner))
        stack += inner
    lowering = _Lowering(source)
    for node, kind, inner in reversed(order):
        lowering.add(node, kind, inner)
    return lowering.made[syntax.root_node.id]


class _Lowering:
    """Makes nodes from the leaves up, so that no depth of nesting is too deep."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.made: dict[int, Node] = {}
        self.inner: list[Syntax] = []
        """The parts of the node in hand that are no mere types."""

    def add(self, node: Syntax, kind: str, inner: list[Syntax]) -> None:
        handler = _HANDLERS.get(kind)
        self.inner = inner
        self.made[node.id] = handler(self, node) if handler else self.other(node)

    def text(self, node: Syntax) -> str:
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def got(self, node: Syntax | None) -> Node | None:
        return self.made.get(node.id) if node is not None else None

    def child(self, node: Syntax, field: str) -> Node:
        found = self.got(node.child_by_field_name(field))
        return found if found is not None else Node(tree.OTHER, _span(node))

    def children(self, node: Syntax | None = None) -> list[Node]:
        """Return the nodes made of the parts of the node in hand, or of another one."""
        inner = self.inner if node is None else node.named_children
        return [self.made[child.id] for child in inner if child.id in self.made]

    def other(self, node: Syntax, text: str = "") -> Node:
        return Node(tree.OTHER, _span(node), self.children(), text=text)

    def same(self, node: Syntax) -> Node:
        """Parentheses, casts and statements of one expression stand for what they hold."""
        parts = self.children()
        return parts[0] if parts else self.other(node)

    def statements(self, node: Syntax) -> Node:
        return Node(tree.BLOCK, _span(node), self.children(), text="sure")

    def block(self, node: Syntax | None, near: Syntax) -> Node:
        made = self.got(node)
        if made is None:
            return Node(tree.BLOCK, _span(near))
        if made.kind == tree.BLOCK:
            made.text = ""
            return made
        return Node(tree.BLOCK, made.span, [made])

    def string(self, node: Syntax) -> Node:
        return Node(tree.CONST, _span(node), value=_unescaped(self.text(node)[1:-1]))

    def number(self, node: Syntax) -> Node:
        text = self.text(node).replace("_", "")
        try:
            value: int | float = (
                int(text, 0) if not re.search(r"[.eE]|^0\d", text) or text[:2] in ("0x", "0X") else float(text)
            )
        except (ValueError, OverflowError):
            return Node(tree.OTHER, _span(node), text="number")
        return Node(tree.CONST, _span(node), value=value)

    def regex(self, node: Syntax) -> Node:
        pattern, flags = node.child_by_field_name("pattern"), node.child_by_field_name("flags")
        texts = tuple(self.text(part) if part is not None else "" for part in (pattern, flags))
        return Node(tree.OTHER, _span(node), text="regex", value=texts)

    def true(self, node: Syntax) -> Node:
        return Node(tree.CONST, _span(node), value=True)

    def false(self, node: Syntax) -> Node:
        return Node(tree.CONST, _span(node), value=False)

    def null(self, node: Syntax) -> Node:
        return Node(tree.CONST, _span(node), value=None, text=node.type)

    def name(self, node: Syntax) -> Node:
        text = self.text(node)
        if text == "undefined":
            return Node(tree.CONST, _span(node), value=None, text="undefined")
        return Node(tree.NAME, _span(node), text=text)

    def template(self, node: Syntax) -> Node:
        parts = []
        for child in node.named_children:
            if child.type == "string_fragment":
                parts.append(Node(tree.CONST, _span(child), value=self.text(child)))
            elif child.type == "escape_sequence":
                parts.append(Node(tree.CONST, _span(child), value=_unescaped(self.text(child))))
            elif child.id in self.made:
                parts.append(self.made[child.id])
        if all(part.kind == tree.CONST for part in parts):
            value = "".join(part.value for part in parts if isinstance(part.value, str))
            return Node(tree.CONST, _span(node), value=value)
        return Node(tree.JOIN, _span(node), parts)

    def member(self, node: Syntax) -> Node:
        name = node.child_by_field_name("property")
        optional = "?" if node.child_by_field_name("optional_chain") else None
        text = self.text(name) if name is not None else ""
        return Node(tree.MEMBER, _span(node), [self.child(node, "object")], text=text, value=optional)

    def item(self, node: Syntax) -> Node:
        optional = "?" if node.child_by_field_name("optional_chain") else None
        parts = [self.child(node, "object"), self.child(node, "index")]
        return Node(tree.ITEM, _span(node), parts, value=optional)

    def call(self, node: Syntax) -> Node:
        is_new = node.type == "new_expression"
        function = self.child(node, "constructor" if is_new else "function")
        if function.kind == tree.OTHER and node.named_children and node.named_children[0].type == "import":
            function = Node(tree.NAME, _span(node.named_children[0]), text="import")
        arguments = node.child_by_field_name("arguments")
        parts = []
        if arguments is not None:
            parts = [self.made[arguments.id]] if arguments.type == "template_string" else self.children(arguments)
        return Node(
            tree.CALL, _span(node), [function, *parts], keys=("",) * len(parts), value="new" if is_new else None
        )

    def awaited(self, node: Syntax) -> Node:
        return Node(tree.AWAIT, _span(node), self.children()[:1])

    def spread(self, node: Syntax) -> Node:
        return Node(tree.SPREAD, _span(node), self.children()[:1])

    def array(self, node: Syntax) -> Node:
        return Node(tree.LIST, _span(node), self.children())

    def object(self, node: Syntax) -> Node:
        parts: list[Node] = []
        keys: list[str | Node | None] = []
        spans: list[Any] = []
        for child in node.named_children:
            made = self.made.get(child.id)
            if made is None:
                continue
            if child.type == "pair":
                key = child.child_by_field_name("key")
                parts.append(self.child(child, "value"))
                keys.append(self.key(key))
                spans.append(_span(key or child))
            elif child.type == "shorthand_property_identifier":
                parts.append(made)
                keys.append(self.text(child))
                spans.append(_span(child))
            elif child.type == "spread_element":
                parts.append(made.parts[0] if made.parts else made)
                keys.append(None)
                spans.append(None)
            elif made.kind == tree.FUNCTION:
                parts.append(made)
                keys.append(made.text)
                spans.append(_span(child))
            else:  # an ERROR, such as the ... of an excerpt
                parts.append(made)
                keys.append(None)
                spans.append(None)
        if any(child.is_error for child in node.children) and None not in keys:
            parts.append(Node(tree.OTHER, _span(node), text="..."))
            keys.append(None)
            spans.append(None)
        return Node(tree.OBJECT, _span(node), parts, keys=tuple(keys), value=tuple(spans))

    def key(self, node: Syntax | None) -> str | Node | None:
        if node is None:
            return None
        if node.type in ("property_identifier", "number", "private_property_identifier"):
            return self.text(node)
        made = self.made[node.id]
        if node.type == "computed_property_name" and made.parts:
            made = made.parts[0]
        return made.value if made.kind == tree.CONST and isinstance(made.value, str) else made

    def pattern(self, node: Syntax) -> Node:
        parts: list[Node] = []
        keys: list[str | int | None] = []
        for index, child in enumerate(node.named_children):
            made = self.made.get(child.id)
            if made is None:
                continue
            if node.type == "array_pattern":
                keys.append(None if child.type == "rest_pattern" else index)
            elif child.type == "pair_pattern":
                key = self.key(child.child_by_field_name("key"))
                keys.append(key if isinstance(key, str) else None)
                made = self.child(child, "value")
            elif child.type == "rest_pattern":
                keys.append(None)
            else:  # {name} and {name = default}
                keys.append(made.text)
            parts.append(made)
        return Node(tree.PATTERN, _span(node), parts, keys=tuple(keys))

    def defaulted(self, node: Syntax) -> Node:
        return self.child(node, "left")

    def binary(self, node: Syntax) -> Node:
        operator = node.child_by_field_name("operator")
        text = operator.type if operator is not None else ""
        left, right = self.child(node, "left"), self.child(node, "right")
        if text == "+":
            parts = left.parts if left.kind == tree.ADD else [left]
            return Node(tree.ADD, _span(node), [*parts, right])
        if text in ("||", "??", "&&"):
            return Node(tree.EITHER, _span(node), [left, right], text="and" if text == "&&" else "or")
        if text in ("==", "===", "!=", "!=="):
            return Node(tree.COMPARE, _span(node), [left, right], text=text[:2])
        if text in ("-", "*", "/", "%", "**"):
            return Node(tree.ARITHMETIC, _span(node), [left, right], text=text)
        if text == "in":
            return Node(tree.COMPARE, _span(node), [left, right], text="in")
        if text == "instanceof":
            return self.other(node, text)
        return self.other(node, "boolean" if text in ("<", ">", "<=", ">=") else "")

    def unary(self, node: Syntax) -> Node:
        operator = node.child_by_field_name("operator")
        argument = self.child(node, "argument")
        text = operator.type if operator is not None else ""
        if text == "-" and argument.kind == tree.CONST and type(argument.value) in (int, float):
            return Node(tree.CONST, _span(node), value=-argument.value)
        if text == "delete":
            return Node(tree.DELETE, _span(node), [argument])
        return self.other(node, "boolean" if text == "!" else text if text == "typeof" else "")

    def ternary(self, node: Syntax) -> Node:
        parts = [self.child(node, field) for field in ("consequence", "alternative", "condition")]
        return Node(tree.EITHER, _span(node), parts, text="if")

    def assignment(self, node: Syntax) -> Node:
        operator = node.child_by_field_name("operator")
        text = "=" if operator is None or operator.type in ("??=", "||=") else "+="
        return Node(tree.ASSIGN, _span(node), [self.child(node, "right"), self.child(node, "left")], text=text)

    def declarator(self, node: Syntax) -> Node:
        value = node.child_by_field_name("value")
        target = self.child(node, "name")
        annotation = self.annotation(node)
        made = self.got(value)
        if made is None:  # let x;
            return Node(tree.OTHER, _span(node), [target] if target.kind == tree.PATTERN else [])
        return Node(tree.ASSIGN, _span(node), [made, target], text="=", value=annotation)

    def field(self, node: Syntax) -> Node:
        name = node.child_by_field_name("name") or node.child_by_field_name("property")
        made = self.got(node.child_by_field_name("value"))
        if made is None or name is None:
            return self.other(node)
        target = Node(tree.NAME, _span(name), text=self.text(name))
        return Node(tree.ASSIGN, _span(node), [made, target], text="=", value=self.annotation(node))

    def annotation(self, node: Syntax) -> str:
        found = node.child_by_field_name("type")
        return self.text(found).lstrip(": \n") if found is not None else ""

    def function(self, node: Syntax) -> Node:
        name = node.child_by_field_name("name")
        body = node.child_by_field_name("body")
        made = self.got(body)
        only = node.child_by_field_name("parameter")
        parameters = node.child_by_field_name("parameters")
        params: list[Param] = []
        if only is not None:
            params.append(Param(self.text(only), None, "", ""))
        elif parameters is not None:
            params = [self.param(child) for child in parameters.named_children if child.type != "comment"]
        if made is None:
            made = Node(tree.BLOCK, _span(node), text="sure")
        if made.kind == tree.BLOCK:
            made.text = "sure"
        is_async = any(child.type == "async" for child in node.children[:2])
        value = "async" if is_async and made.kind == tree.BLOCK else "" if made.kind == tree.BLOCK else "expression"
        parts = [param.default for param in params if param.default] + [
            param.pattern for param in params if param.pattern
        ]
        return Node(
            tree.FUNCTION, _span(node), [*parts, made], keys=tuple(params), value=value,
            text=self.text(name) if name is not None else "",
        )  # fmt: skip

    def param(self, node: Syntax) -> Param:
        inner = node.child_by_field_name("pattern") or node
        annotation = self.annotation(node)
        default = self.got(node.child_by_field_name("value"))
        form = ""
        if inner.type == "assignment_pattern":
            default = self.got(inner.child_by_field_name("right"))
            inner = inner.child_by_field_name("left") or inner
        if inner.type == "rest_pattern":
            form = "*"
            inner = inner.named_children[0] if inner.named_children else inner
        pattern = self.got(inner) if inner.type in ("object_pattern", "array_pattern") else None
        if any(child.type == "accessibility_modifier" or child.type == "readonly" for child in node.children):
            form = "field"  # constructor(private fal: FalClient)
        return Param("" if pattern else self.text(inner), default, annotation, form, pattern)

    def classed(self, node: Syntax) -> Node:
        name = node.child_by_field_name("name")
        text = self.text(name) if name is not None else ""
        heritage = [child for child in node.named_children if child.type == "class_heritage"]
        bases = tuple(self.text(child).removeprefix("extends ").split(" ")[0].split("<")[0] for child in heritage)
        return Node(tree.CLASS, _span(node), [self.child(node, "body")], text=text, keys=bases)

    def enum(self, node: Syntax) -> Node:
        name = node.child_by_field_name("name")
        return Node(tree.CLASS, _span(node), [self.child(node, "body")], text=self.text(name) if name else "")

    def importing(self, node: Syntax) -> Node:
        source = self.child(node, "source")
        names: list[Imported] = []
        clause = next((child for child in node.named_children if child.type == "import_clause"), None)
        for child in clause.named_children if clause is not None else ():
            if child.type == "identifier":
                names.append(Imported("default", self.text(child)))
            elif child.type == "namespace_import":
                names += [Imported("*", self.text(inner)) for inner in child.named_children[:1]]
            elif child.type == "named_imports":
                names += [self.imported(inner) for inner in child.named_children if inner.type == "import_specifier"]
        parts = [source] if source.kind == tree.CONST else []
        text = source.value if source.kind == tree.CONST and isinstance(source.value, str) else ""
        return Node(tree.IMPORT, _span(node), parts, text=text, keys=tuple(names), value=text)

    def imported(self, node: Syntax) -> Imported:
        name, alias = node.child_by_field_name("name"), node.child_by_field_name("alias")
        text = self.text(name) if name is not None else ""
        return Imported(text, self.text(alias) if alias is not None else text)

    def exporting(self, node: Syntax) -> Node:
        source = self.got(node.child_by_field_name("source"))
        if source is not None:  # export { fal } from "…"
            text = source.value if isinstance(source.value, str) else ""
            return Node(tree.IMPORT, _span(node), [source], text=text, value=text)
        return Node(tree.BLOCK, _span(node), self.children(), text="sure")

    def returning(self, node: Syntax) -> Node:
        return Node(tree.RETURN, _span(node), self.children()[:1])

    def branch(self, node: Syntax) -> Node:
        otherwise = node.child_by_field_name("alternative")
        parts = [self.child(node, "condition"), self.block(node.child_by_field_name("consequence"), node)]
        return Node(tree.BRANCH, _span(node), [*parts, self.block(otherwise, node)] if otherwise else parts)

    def switch(self, node: Syntax) -> Node:
        body = node.child_by_field_name("body")
        return Node(tree.BRANCH, _span(node), [self.child(node, "value"), *(self.children(body) if body else ())])

    def case(self, node: Syntax) -> Node:
        parts = self.children()
        value = node.child_by_field_name("value")
        if value is not None and parts:
            parts[0] = Node(tree.COMPARE, parts[0].span, [parts[0]], text="case")
        return Node(tree.BLOCK, _span(node), parts)

    def each(self, node: Syntax) -> Node:
        parts = [
            self.child(node, "left"),
            self.child(node, "right"),
            self.block(node.child_by_field_name("body"), node),
        ]
        return Node(tree.FOR, _span(node), parts)

    def loop(self, node: Syntax) -> Node:
        body = node.child_by_field_name("body")
        heads = [self.made[child.id] for child in node.named_children if child.id in self.made and child != body]
        head = heads[0] if len(heads) == 1 else Node(tree.BLOCK, _span(node), heads)
        text = "for" if node.type == "for_statement" else "while"
        return Node(tree.WHILE, _span(node), [head, self.block(body, node)], text=text)

    def trying(self, node: Syntax) -> Node:
        parts = self.children()
        for place, part in enumerate(parts):
            if part.kind == tree.BLOCK:
                part.text = "sure" if place == 0 else ""
        return Node(tree.TRY, _span(node), parts)

    def handler(self, node: Syntax) -> Node:
        return Node(tree.BLOCK, _span(node), self.children())


def _span(node: Syntax) -> tuple[int, int, int, int]:
    start, end = node.start_point, node.end_point
    return start.row + 1, start.column, end.row + 1, end.column


def _unescaped(text: str) -> str:
    def meant(match: re.Match[str]) -> str:
        escape = match[1]
        if escape[0] in "ux" and len(escape) > 1:
            code = int(escape[1:].strip("{}"), 16)
            return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
        return _SHORT_ESCAPES.get(escape, escape)

    return _ESCAPE.sub(meant, text) if "\\" in text else text


_KINDS: dict[str, tuple[str, ...]] = {
    "statements": ("program", "statement_block", "lexical_declaration", "variable_declaration", "class_body",
                   "enum_body", "class_static_block"),
    "same": ("parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression",
             "expression_statement", "instantiation_expression", "else_clause", "jsx_expression",
             "template_substitution"),
    "string": ("string",), "number": ("number",), "regex": ("regex",),
    "true": ("true",), "false": ("false",), "null": ("null", "undefined"),
    "name": ("identifier", "shorthand_property_identifier", "shorthand_property_identifier_pattern", "this",
             "property_identifier", "type_identifier"),
    "template": ("template_string",), "member": ("member_expression",), "item": ("subscript_expression",),
    "call": ("call_expression", "new_expression"), "awaited": ("await_expression",),
    "spread": ("spread_element", "rest_pattern"), "array": ("array",), "object": ("object",),
    "pattern": ("object_pattern", "array_pattern"),
    "defaulted": ("assignment_pattern", "object_assignment_pattern"),
    "binary": ("binary_expression",), "unary": ("unary_expression",), "ternary": ("ternary_expression",),
    "assignment": ("assignment_expression", "augmented_assignment_expression"),
    "declarator": ("variable_declarator",),
    "field": ("field_definition", "public_field_definition", "enum_assignment"),
    "function": ("function_declaration", "function_expression", "arrow_function", "method_definition",
                 "generator_function", "generator_function_declaration", "function"),
    "classed": ("class_declaration", "class", "abstract_class_declaration"), "enum": ("enum_declaration",),
    "importing": ("import_statement",), "exporting": ("export_statement",), "returning": ("return_statement",),
    "branch": ("if_statement",), "switch": ("switch_statement",), "case": ("switch_case", "switch_default"),
    "each": ("for_in_statement",), "loop": ("for_statement", "while_statement", "do_statement"),
    "trying": ("try_statement",), "handler": ("catch_clause", "finally_clause"),
}  # fmt: skip
_HANDLERS: dict[str, Callable[[_Lowering, Syntax], Node]] = {
    kind: getattr(_Lowering, name) for name, kinds in _KINDS.items() for kind in kinds
}
