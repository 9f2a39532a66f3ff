"""Python source as a tree, by the interpreter's own parser.

Text that does not parse as it stands is tried again as what it most likely is: an indented excerpt, a console session,
a notebook cell with magics, a document's example with ``...`` for what it leaves out, or the beginning of a file.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final

from . import tree
from .tree import Imported, Node, Param

MAX_CUTS = 12
"""Places at which text that does not parse is cut short before it is given up."""

_PROMPT = re.compile(r"^(\s*)(?:>>>|\.\.\.)( |$)", re.MULTILINE)
_MAGIC = re.compile(r"^(\s*)([!%].*|\?.*|.*[^\s=<>]\?\??)$", re.MULTILINE)
_ELLIPSIS_ITEM = re.compile(r"(?<=[,{(\[])(\s*)(?:\.\.\.|…)(?=\s*[,})\]])")
_ELLIPSIS_WORD = re.compile(r"…")
_OPERATORS: Final[dict[type, str]] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Pow: "**", ast.Mod: "%",
}  # fmt: skip


class NotParsedError(Exception):
    """The text is not of the language; ``line`` says where the parser stopped."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def python_tree(text: str) -> Node:
    """Return the text's tree. Lines and columns stay those of the text. Raises NotParsedError."""
    return _lowered(_parsed(text))


def _parsed(text: str) -> ast.Module:
    first: NotParsedError | None = None
    for candidate in _candidates(text):
        try:
            return _parse(candidate)
        except NotParsedError as error:
            first = first or error
    assert first is not None
    lines = _mended(text).split("\n")
    end = min(len(lines), first.line)
    for _ in range(MAX_CUTS):  # the beginning of a file that breaks off
        if not any(line.strip() for line in lines[:end]):
            break
        try:
            return _parse("\n".join(lines[:end]))
        except NotParsedError as error:
            end = min(end - 1, max(error.line - 1, 0))
    raise first


def _candidates(text: str) -> Iterator[str]:
    yield text
    mended = _mended(text)
    yield mended
    yield _dedented(mended)


def _mended(text: str) -> str:
    """Return the text with magics, prompts and omissions made into Python of the same lines."""
    if ">>>" in text:
        text = _PROMPT.sub(lambda match: match[1] + " " * (len(match[0]) - len(match[1])), text)
        text = _dedented(text)
    text = _MAGIC.sub(lambda match: f"{match[1]}pass", text)
    text = _ELLIPSIS_ITEM.sub(lambda match: _omission(match, text), text)
    return _ELLIPSIS_WORD.sub("...", text)


def _omission(match: re.Match[str], text: str) -> str:
    """Return ``**...`` for an omission among the fields of a dict or among arguments; in a list it can stay."""
    depth = 0
    for char in reversed(text[max(0, match.start() - 5000) : match.start()]):
        if char in ")]}":
            depth += 1
        elif char in "([{":
            depth -= 1
            if depth < 0:
                return match[0] if char == "[" else f"{match[1]}**..."
    return match[0]


def _dedented(text: str) -> str:
    return textwrap.dedent(text.expandtabs(8) if "\t" in text else text)


def _parse(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of invalid escapes in the text that is read
        try:
            return ast.parse(text)
        except SyntaxError as error:
            raise NotParsedError(error.lineno or 1, error.msg or "invalid syntax") from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise NotParsedError(1, str(error)[:80] or "nested too deeply") from None


def _lowered(module: ast.Module) -> Node:
    order: list[ast.AST] = []
    stack: list[ast.AST] = [module]
    while stack:
        node = stack.pop()
        order.append(node)
        stack.extend(ast.iter_child_nodes(node))
    lowering = _Lowering()
    for node in reversed(order):
        lowering.add(node)
    return lowering.made[module]


class _Lowering:
    """Makes nodes from the leaves up, so that no depth of nesting is too deep."""

    def __init__(self) -> None:
        self.made: dict[ast.AST, Node] = {}

    def add(self, node: ast.AST) -> None:
        handler = _HANDLERS.get(type(node))
        if handler is not None:
            self.made[node] = handler(self, node)
        elif isinstance(node, (ast.expr, ast.stmt, ast.Module, ast.ExceptHandler, ast.match_case, ast.pattern)):
            self.made[node] = self.other(node)

    def other(self, node: ast.AST, text: str = "") -> Node:
        parts = [self.made[child] for child in ast.iter_child_nodes(node) if child in self.made]
        return Node(tree.OTHER, _span(node), parts, text=text)

    def block(self, statements: list[ast.stmt], *, sure: bool = False) -> Node:
        parts = [self.made[statement] for statement in statements]
        first, last = (statements[0], statements[-1]) if statements else (None, None)
        span = (*_span(first)[:2], *_span(last)[2:]) if first and last else (1, 0, 1, 0)
        return Node(tree.BLOCK, span, parts, text="sure" if sure else "")

    def on_Module(self, node: ast.Module) -> Node:  # noqa: N802
        return self.block(node.body, sure=True)

    def on_Constant(self, node: ast.Constant) -> Node:  # noqa: N802
        if node.value is ...:
            return Node(tree.OTHER, _span(node), text="...")
        if node.value is None or isinstance(node.value, (str, int, float, bool)):
            return Node(tree.CONST, _span(node), value=node.value)
        return Node(tree.OTHER, _span(node))

    def on_Name(self, node: ast.Name) -> Node:  # noqa: N802
        return Node(tree.NAME, _span(node), text=node.id)

    def on_Attribute(self, node: ast.Attribute) -> Node:  # noqa: N802
        return Node(tree.MEMBER, _span(node), [self.made[node.value]], text=node.attr)

    def on_Subscript(self, node: ast.Subscript) -> Node:  # noqa: N802
        return Node(tree.ITEM, _span(node), [self.made[node.value], self.made[node.slice]])

    def on_Slice(self, node: ast.Slice) -> Node:  # noqa: N802
        return self.other(node, "slice")

    def on_Starred(self, node: ast.Starred) -> Node:  # noqa: N802
        return Node(tree.SPREAD, _span(node), [self.made[node.value]])

    def on_Call(self, node: ast.Call) -> Node:  # noqa: N802
        parts = [self.made[node.func], *(self.made[argument] for argument in node.args)]
        keys = [""] * len(node.args)
        for keyword in node.keywords:
            parts.append(self.made[keyword.value])
            keys.append(keyword.arg or "**")
        return Node(tree.CALL, _span(node), parts, keys=tuple(keys))

    def on_Dict(self, node: ast.Dict) -> Node:  # noqa: N802
        keys = [_key(key, self.made) if key is not None else None for key in node.keys]
        parts = [self.made[value] for value in node.values]
        made = Node(tree.OBJECT, _span(node), parts, keys=tuple(keys))
        made.value = tuple(_span(key) if key is not None else None for key in node.keys)
        return made

    def on_Set(self, node: ast.Set) -> Node:  # noqa: N802
        if all(isinstance(item, ast.Constant) and item.value is ... for item in node.elts):  # {...}
            return Node(tree.OBJECT, _span(node), [self.made[item] for item in node.elts], keys=(None,))
        return self.other(node)

    def on_List(self, node: ast.List | ast.Tuple) -> Node:  # noqa: N802
        if isinstance(node.ctx, ast.Load):
            return Node(tree.LIST, _span(node), [self.made[item] for item in node.elts])
        keys = tuple(None if isinstance(item, ast.Starred) else index for index, item in enumerate(node.elts))
        return Node(tree.PATTERN, _span(node), [self.made[item] for item in node.elts], keys=keys)

    on_Tuple = on_List  # noqa: N815

    def on_JoinedStr(self, node: ast.JoinedStr) -> Node:  # noqa: N802
        return Node(tree.JOIN, _span(node), [self.made[value] for value in node.values])

    def on_FormattedValue(self, node: ast.FormattedValue) -> Node:  # noqa: N802
        if node.format_spec is not None or node.conversion in (ord("r"), ord("a")):
            return self.other(node, "string")
        return self.made[node.value]

    def on_BinOp(self, node: ast.BinOp) -> Node:  # noqa: N802
        left, right = self.made[node.left], self.made[node.right]
        if isinstance(node.op, (ast.Add, ast.BitOr)):
            kind = tree.ADD if isinstance(node.op, ast.Add) else tree.UNION
            if left.kind == kind and left.value is None:  # a + b + c
                return Node(kind, _span(node), [*_taken(left), right])
            return Node(kind, _span(node), [left, right])
        operator = _OPERATORS.get(type(node.op), "")
        return Node(tree.ARITHMETIC, _span(node), [left, right], text=operator)

    def on_UnaryOp(self, node: ast.UnaryOp) -> Node:  # noqa: N802
        operand = node.operand
        if (
            isinstance(node.op, ast.USub)
            and isinstance(operand, ast.Constant)
            and type(operand.value) in (int, float)
            and isinstance(operand.value, (int, float))
        ):
            return Node(tree.CONST, _span(node), value=-operand.value)
        return self.other(node, "boolean" if isinstance(node.op, ast.Not) else "")

    def on_BoolOp(self, node: ast.BoolOp) -> Node:  # noqa: N802
        text = "or" if isinstance(node.op, ast.Or) else "and"
        return Node(tree.EITHER, _span(node), [self.made[value] for value in node.values], text=text)

    def on_IfExp(self, node: ast.IfExp) -> Node:  # noqa: N802
        parts = [self.made[node.body], self.made[node.orelse], self.made[node.test]]
        return Node(tree.EITHER, _span(node), parts, text="if")

    def on_Compare(self, node: ast.Compare) -> Node:  # noqa: N802
        text = " ".join(_OPERATORS.get(type(operator), "") for operator in node.ops)
        parts = [self.made[node.left], *(self.made[right] for right in node.comparators)]
        return Node(tree.COMPARE, _span(node), parts, text=text)

    def on_Await(self, node: ast.Await) -> Node:  # noqa: N802
        return Node(tree.AWAIT, _span(node), [self.made[node.value]])

    def on_NamedExpr(self, node: ast.NamedExpr) -> Node:  # noqa: N802
        return Node(tree.ASSIGN, _span(node), [self.made[node.value], self.made[node.target]], text="=")

    def on_Lambda(self, node: ast.Lambda) -> Node:  # noqa: N802
        return self.function(node, "", node.args, [], self.made[node.body], "expression")

    def on_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Node:  # noqa: N802
        return self.comprehension(node, [node.elt], node.generators, "list")

    on_SetComp = on_ListComp  # noqa: N815
    on_GeneratorExp = on_ListComp  # noqa: N815

    def on_DictComp(self, node: ast.DictComp) -> Node:  # noqa: N802
        return self.comprehension(node, [node.key, node.value], node.generators, "dict")

    def comprehension(self, node: ast.expr, items: list[ast.expr], loops: list[ast.comprehension], text: str) -> Node:
        body = Node(tree.BLOCK, _span(node), [self.made[item] for item in items], text="sure")
        for loop in reversed(loops):
            conditions = [self.made[test] for test in loop.ifs]
            body.parts += conditions
            inner = Node(tree.FOR, _span(node), [self.made[loop.target], self.made[loop.iter], body])
            body = Node(tree.BLOCK, _span(node), [inner], text="sure")
        return Node(tree.COMPREHENSION, _span(node), body.parts, text=text)

    def on_Assign(self, node: ast.Assign) -> Node:  # noqa: N802
        parts = [self.made[node.value], *(self.made[target] for target in node.targets)]
        return Node(tree.ASSIGN, _span(node), parts, text="=")

    def on_AnnAssign(self, node: ast.AnnAssign) -> Node:  # noqa: N802
        target = self.made[node.target]
        if node.value is None:
            return Node(tree.OTHER, _span(node), [target] if target.kind != tree.NAME else [])
        annotation = _annotation(node.annotation)
        return Node(tree.ASSIGN, _span(node), [self.made[node.value], target], text="=", value=annotation)

    def on_AugAssign(self, node: ast.AugAssign) -> Node:  # noqa: N802
        text = "|=" if isinstance(node.op, ast.BitOr) else "+="
        return Node(tree.ASSIGN, _span(node), [self.made[node.value], self.made[node.target]], text=text)

    def on_Delete(self, node: ast.Delete) -> Node:  # noqa: N802
        return Node(tree.DELETE, _span(node), [self.made[target] for target in node.targets])

    def on_Return(self, node: ast.Return) -> Node:  # noqa: N802
        return Node(tree.RETURN, _span(node), [self.made[node.value]] if node.value else [])

    def on_For(self, node: ast.For | ast.AsyncFor) -> Node:  # noqa: N802
        parts = [self.made[node.target], self.made[node.iter], self.block(node.body), self.block(node.orelse)]
        return Node(tree.FOR, _span(node), parts)

    on_AsyncFor = on_For  # noqa: N815

    def on_While(self, node: ast.While) -> Node:  # noqa: N802
        return Node(
            tree.WHILE,
            _span(node),
            [self.made[node.test], self.block(node.body), self.block(node.orelse)],
            text="while",
        )

    def on_If(self, node: ast.If) -> Node:  # noqa: N802
        return Node(tree.BRANCH, _span(node), [self.made[node.test], self.block(node.body), self.block(node.orelse)])

    def on_Match(self, node: ast.Match) -> Node:  # noqa: N802
        parts = [self.made[node.subject]]
        for case in node.cases:
            patterns = [sub for sub in ast.walk(case.pattern) if isinstance(sub, ast.MatchValue)]
            tests = [
                Node(tree.COMPARE, _span(sub), [self.made[sub.value]], text="case") for sub in patterns
            ]  # fmt: skip
            body = self.block(case.body)
            guard = [self.made[case.guard]] if case.guard else []
            parts.append(Node(tree.BLOCK, _span(case.pattern), [*tests, *guard, body]))
        return Node(tree.BRANCH, _span(node), parts)

    def on_Try(self, node: ast.Try) -> Node:  # noqa: N802
        handlers = [self.block(handler.body) for handler in node.handlers]
        types = [self.made[handler.type] for handler in node.handlers if handler.type]
        parts = [self.block(node.body, sure=True), *types, *handlers]
        parts += [self.block(node.orelse, sure=True), self.block(node.finalbody, sure=True)]
        return Node(tree.TRY, _span(node), parts)

    on_TryStar = on_Try  # noqa: N815

    def on_With(self, node: ast.With | ast.AsyncWith) -> Node:  # noqa: N802
        parts = []
        for item in node.items:
            context = self.made[item.context_expr]
            if item.optional_vars is None:
                parts.append(context)
            else:
                target = self.made[item.optional_vars]
                parts.append(Node(tree.ASSIGN, context.span, [context, target], text="with"))
        parts.append(self.block(node.body, sure=True))
        return Node(tree.BLOCK, _span(node), parts, text="sure")

    on_AsyncWith = on_With  # noqa: N815

    def on_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Node:  # noqa: N802
        decorators = [self.made[decorator] for decorator in node.decorator_list]
        value = "async" if isinstance(node, ast.AsyncFunctionDef) else ""
        return self.function(node, node.name, node.args, decorators, self.block(node.body, sure=True), value)

    on_AsyncFunctionDef = on_FunctionDef  # noqa: N815

    def function(
        self, node: ast.AST, name: str, arguments: ast.arguments, decorators: list[Node], body: Node, value: str
    ) -> Node:
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
        defaults += arguments.defaults
        params = [
            *(self.param(argument, default, "") for argument, default in zip(positional, defaults, strict=True)),
            *([self.param(arguments.vararg, None, "*")] if arguments.vararg else []),
            *(
                self.param(argument, default, "key")
                for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            ),
            *([self.param(arguments.kwarg, None, "**")] if arguments.kwarg else []),
        ]
        parts = [*decorators, *(param.default for param in params if param.default), body]
        return Node(tree.FUNCTION, _span(node), parts, text=name, keys=tuple(params), value=value)

    def param(self, argument: ast.arg, default: ast.expr | None, form: str) -> Param:
        annotation = _annotation(argument.annotation) if argument.annotation else ""
        return Param(argument.arg, self.made[default] if default else None, annotation, form)

    def on_ClassDef(self, node: ast.ClassDef) -> Node:  # noqa: N802
        decorators = [self.made[decorator] for decorator in node.decorator_list]
        bases = tuple(_annotation(base) for base in node.bases)
        parts = [*decorators, *(self.made[base] for base in node.bases), self.block(node.body, sure=True)]
        return Node(tree.CLASS, _span(node), parts, text=node.name, keys=bases)

    def on_Import(self, node: ast.Import) -> Node:  # noqa: N802
        parts = []
        for alias in node.names:
            # `import a.b` makes the name a, `import a.b as c` makes c for a.b
            module = alias.name if alias.asname else alias.name.partition(".")[0]
            local = Imported("*", alias.asname or module)
            parts.append(Node(tree.IMPORT, _span(alias), text=module, keys=(local,), value=alias.name))
        return Node(tree.BLOCK, _span(node), parts, text="sure")

    def on_ImportFrom(self, node: ast.ImportFrom) -> Node:  # noqa: N802
        module = "." * node.level + (node.module or "")
        names = tuple(Imported(alias.name, alias.asname or alias.name) for alias in node.names)
        return Node(tree.IMPORT, _span(node), text=module, keys=names, value=module)

    def on_Global(self, node: ast.Global) -> Node:  # noqa: N802
        return Node(tree.GLOBAL, _span(node), keys=tuple(node.names))

    def on_Expr(self, node: ast.Expr) -> Node:  # noqa: N802
        return self.made[node.value]


def _taken(node: Node) -> list[Node]:
    """Return the parts of a node that is given up for a longer one."""
    return node.parts


def _key(key: ast.expr, made: dict[ast.AST, Node]) -> str | Node:
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return key.value
    return made[key]


def _span(node: Any) -> tuple[int, int, int, int]:
    line = getattr(node, "lineno", 1)
    column = getattr(node, "col_offset", 0)
    end_line = getattr(node, "end_lineno", None) or line
    end_column = getattr(node, "end_col_offset", None)
    return line, column, end_line, column if end_column is None else end_column


def _annotation(node: ast.expr) -> str:
    """Return a type as it is written, for the simple ones that tell something; otherwise an empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_annotation(node.value)}.{node.attr}"
    if isinstance(node, ast.Subscript):
        return _annotation(node.value) + "[]"
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ""


_HANDLERS: Final[dict[type, Callable[[_Lowering, Any], Node]]] = {
    getattr(ast, name.removeprefix("on_")): handler
    for name, handler in vars(_Lowering).items()
    if name.startswith("on_") and hasattr(ast, name.removeprefix("on_"))
}
