"""The fal calls that source code makes, and what is wrong with them.

>>> from fal_skill.calls import extract
>>> call, = extract('import fal_client\\nfal_client.run("fal-ai/flux/dev", arguments={"prompt": p})', "python")
>>> call.slug, call.arguments
('fal-ai/flux/dev', {'prompt': Unknown(source='p', kind='', choices=(), shape=())})
"""

from .call import Access, Call
from .extraction import Extraction, extract, extractions
from .languages import language_of
from .values import UNKNOWN, Fields, Items, Place, Unknown, as_json, is_known

__all__ = [
    "UNKNOWN",
    "Access",
    "Call",
    "Extraction",
    "Fields",
    "Items",
    "Place",
    "Unknown",
    "as_json",
    "extract",
    "extractions",
    "is_known",
    "language_of",
]
