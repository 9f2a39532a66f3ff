"""Stands in for python-dotenv where programs of answers are run: there is no .env file to read."""


def load_dotenv(*args: object, **options: object) -> bool:
    """Read nothing."""
    return False


def find_dotenv(*args: object, **options: object) -> str:
    """Find nothing."""
    return ""


def dotenv_values(*args: object, **options: object) -> dict[str, str]:
    """Return nothing."""
    return {}
