"""Making a project: the folder that holds a shop's own files over the shipped ones.

What belongs here: which files a new project has. What does not: options and printing (``start``);
which folder is a project (``ecorse.layers``).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ecorse.errors import ConfigError
from ecorse.layers import MARKER, SHIPPED_DIR, missing_files, require_project

# of include, empty at first
OWN_FOLDERS = (
    "sql/marts", "sql/checks", "sources", "origins", "models", "recommenders", "segments",
)  # fmt: skip
THIN = '''\
"""{kind} `{name}` for Airflow, as the installed Ecorse ships it. Write your own here to change it.

A newer Ecorse brings its newer {kind}; `ecorse init . --upgrade` adds files for new ones.
"""

from ecorse.orchestration.shipped import shipped_names

globals().update(shipped_names("{file}"))
'''
README = """\
# {name}

A project of Ecorse: an online shop's exports in, a published night
of marts, segments and recommendations out.

```sh
ecorse doctor      # looks at each part that a night needs
ecorse run         # one night: ingest, build, train, audit, publish
ecorse up          # the same every night, with Airflow's UI
ecorse status      # what came of it
psql "$(ecorse db url --role bi_reader)" -c 'select * from marts.kpis'
```

| here | is |
|---|---|
| `include/shops.toml` | the shops, and where each gets its files from; simulated at first |
| `include/sources/` | mappings: files of another shape (`ecorse source draft FILE` proposes one) |
| `include/sql/marts/<area>/`, `include/sql/checks/` | marts and checks |
| `include/models/` | declarations of models |
| `include/rules.toml` | the shop's rules for what it recommends; none at first |
| `include/recommenders/`, `include/segments/` | models in Python |
| `include/origins/` | places that files come from, in Python |
| `dags/`, `plugins/` | what Airflow reads: thin files that run what the installed Ecorse ships |
| `.env.example` | every setting; copy it to `.env` and change what you need |
| `var/` | made by Ecorse: database, archive, models, passwords. Never commit it |

Everything that the installed Ecorse ships is there without being copied. A file in `include/` takes
the place of the shipped one of the same name; a new name is added. `ecorse mart list` and
`ecorse source list` show what counts.
"""


def make_project(folder: Path) -> None:
    """Make a project in a folder that is missing or empty.

    Raises
    ------
    ConfigError
        There is something in the folder, or it cannot be written; nothing was changed.
    """
    folder = folder.absolute()
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file. Name a folder that is empty or not there yet.")
    if found := sorted(path.name for path in folder.iterdir()) if folder.exists() else []:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise ConfigError(
            f"{folder} is not empty: it holds {', '.join(found[:5])}{more}. Nothing was changed. "
            "Name a folder that is empty or not there yet."
        )
    try:
        for name in OWN_FOLDERS:
            (folder / "include" / name).mkdir(parents=True)
        shutil.copyfile(SHIPPED_DIR / MARKER, folder / MARKER)
        shutil.copyfile(SHIPPED_DIR / ".env.example", folder / ".env.example")
        (folder / ".gitignore").write_text(".env\nvar/\n__pycache__/\n")
        (folder / "README.md").write_text(README.format(name=folder.name), encoding="utf-8")
        add_missing(folder)
    except OSError as error:
        raise ConfigError(f"Cannot make a project in {folder}: {error}.") from None


def add_missing(folder: Path) -> list[str]:
    """Add thin files for the shipped DAGs and plugins that a project lacks; gives their names.

    Raises
    ------
    ConfigError
        The folder is no project.
    """
    require_project(folder)
    added = missing_files(folder)
    for file in added:
        kind = "DAG" if file.startswith("dags/") else "plugin"
        text = THIN.format(kind=kind, name=Path(file).stem, file=file)
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")
    return added
