"""Where the SQL is: inside the installed package, or beside `src` in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parents[1]


def sql_files(folder: str) -> list[Path]:
    """The `.sql` files of `schema` or `projections`, in order of their names."""
    packaged = _PACKAGE / folder
    return sorted((packaged if packaged.is_dir() else _CHECKOUT / folder).glob("*.sql"))
