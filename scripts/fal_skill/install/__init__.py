"""Putting the skill where coding agents look for it: what is shipped, where it goes, and how it gets there.

- ``shipped`` says which files of this folder make up the skill; nothing else decides that.
- ``clients`` knows which folders each client reads.
- ``copies`` compares an installed copy with these files, and replaces it at once or not at all.
- ``plans`` turns a request into steps; ``bundle`` writes the same files as a ``.skill`` archive.
"""
