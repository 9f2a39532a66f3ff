"""The real service: the platform's catalogue, and jobs that cost money.

Nothing here is imported by the offline scripts unless ``--live`` asks for it.
"""
