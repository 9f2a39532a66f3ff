"""Offline knowledge of fal.ai's models, and the tools that check, price, render and run calls to them.

Four organs carry the package: ``registry`` (which models exist), ``arguments`` (does a call fit),
``calls`` (which calls does a text make) and ``sandbox`` (a local fal). Everything else composes them.
"""

__version__ = "0.1.0"
