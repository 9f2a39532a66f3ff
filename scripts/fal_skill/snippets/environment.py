"""The templates, compiled once, and the import lines that a rendered snippet turned out to need."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    pass_context,
)
from jinja2.runtime import Context

from ..errors import UnavailableError
from ..literals import javascript_literal, python_literal

_PACKAGE = Path(__file__).resolve().parent.parent
TEMPLATE_FOLDERS = (_PACKAGE.parent.parent / "templates", _PACKAGE / "templates")
"""Where the templates lie: beside ``scripts/`` in the skill's folder, inside the package when it was installed."""


class Imports:
    """The import lines of one program, gathered while its body is rendered."""

    def __init__(self) -> None:
        self._modules: dict[str, set[str]] = {}

    def need(self, module: str, name: str = "") -> str:
        """Note that the program uses a module, or a name of it; the empty string is for use in a template.

        In JavaScript ``default NAME`` and ``type NAME`` ask for the default export and for a type.
        """
        self._modules.setdefault(module, set())
        if name:
            self._modules[module].add(name)
        else:
            self._modules[module].add("")
        return ""

    def python(self) -> str:
        """Return the lines in isort's order: standard library, then packages."""
        standard = sorted(module for module in self._modules if module.split(".")[0] not in _PYTHON_PACKAGES)
        packages = sorted(module for module in self._modules if module.split(".")[0] in _PYTHON_PACKAGES)
        return "\n\n".join(part for part in (self._python(standard), self._python(packages)) if part)

    def _python(self, modules: list[str]) -> str:
        plain = [f"import {module}" for module in modules if "" in self._modules[module]]
        names = [
            f"from {module} import {', '.join(sorted(chosen, key=lambda name: (name[0].islower(), name.lower())))}"
            for module in modules
            if (chosen := self._modules[module] - {""})
        ]
        return "\n".join(plain + names)

    def javascript(self) -> str:
        """Return the lines: Node's modules, then packages."""
        order = sorted(self._modules, key=lambda module: (not module.startswith("node:"), module))
        return "\n".join(self._javascript(module, self._modules[module] - {""}) for module in order)

    @staticmethod
    def _javascript(module: str, names: set[str]) -> str:
        default = [name.removeprefix("default ") for name in names if name.startswith("default ")]
        named = sorted(
            (name for name in names if not name.startswith("default ")),
            key=lambda name: name.removeprefix("type ").lower(),
        )
        if named and not default and all(name.startswith("type ") for name in named):
            inner = ", ".join(name.removeprefix("type ") for name in named)
            return f"import type {{ {inner} }} from {javascript_literal(module)};"
        clause = ", ".join(default + ([f"{{ {', '.join(named)} }}"] if named else []))
        return (
            f"import {clause} from {javascript_literal(module)};" if clause else f"import {javascript_literal(module)};"
        )


_PYTHON_PACKAGES = {"fal_client", "httpx", "httpx_sse", "fastapi", "flask", "cryptography"}


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the template environment; UnavailableError when no templates folder can be read."""
    for folder in TEMPLATE_FOLDERS:
        if folder.is_dir():
            break
    else:
        raise UnavailableError(f"the templates folder {TEMPLATE_FOLDERS[0]} is missing", hint="reinstall the skill")
    made = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        # Values enter as literals of the target language, never as text: HTML escaping would damage the code.
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.do"],
    )
    made.filters["python"] = _python
    made.filters["javascript"] = _javascript
    return made


@pass_context
def _python(context: Context, value: Any, indent: int = 0, before: int = 0) -> str:
    return python_literal(value, indent, before=before, width=context["width"])


@pass_context
def _javascript(context: Context, value: Any, indent: int = 0, before: int = 0) -> str:
    return javascript_literal(value, indent, before=before, width=context["width"])


def rendered(name: str, **values: Any) -> str:
    """Return the text of a template; UnavailableError when it, or one that it needs, cannot be read."""
    hint = "reinstall the skill"
    try:
        return environment().get_template(name).render(**values)
    except TemplateNotFound as error:
        raise UnavailableError(f"the template {error.name} is missing in {TEMPLATE_FOLDERS[0]}", hint=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UnavailableError(f"a template in {TEMPLATE_FOLDERS[0]} cannot be read: {reason}", hint=hint) from None
    except TemplateError as error:
        raise UnavailableError(f"the template {name} is damaged: {error}", hint=hint) from None
