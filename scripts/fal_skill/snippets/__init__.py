"""Code that calls a model: for each language and pattern, with the parts that were asked for.

>>> from fal_skill.registry import default_registry
>>> model = default_registry().get("fal-ai/flux/schnell")
>>> print(render(model, {"prompt": "a cat"}).code)  # doctest: +SKIP
"""

from .inputs import BatchInputs
from .options import FRAMEWORKS, LANGUAGES, PATTERNS, SnippetOptions
from .outputs import Output, main_output
from .render import Snippet, SnippetFile, download_line, endpoint, render, result_path, user_model, written
from .uploads import Upload, with_placeholders, with_uploads

__all__ = [
    "FRAMEWORKS",
    "LANGUAGES",
    "PATTERNS",
    "BatchInputs",
    "Output",
    "Snippet",
    "SnippetFile",
    "SnippetOptions",
    "Upload",
    "download_line",
    "endpoint",
    "main_output",
    "render",
    "result_path",
    "user_model",
    "with_placeholders",
    "with_uploads",
    "written",
]
