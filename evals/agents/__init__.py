"""Coding agents as data: how each is started, shut in, and read."""
