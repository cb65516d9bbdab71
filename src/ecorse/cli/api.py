"""The REST API: serving it, and its keys: serve, api key, api keys, api revoke.

What belongs here: options and printing of these. What does not: the work (``ecorse.serve``).
"""

from __future__ import annotations

from typing import Annotated

import typer

from ecorse.cli.common import Json, emit, out, ready, say

serving = typer.Typer()
commands = typer.Typer(no_args_is_help=True, help="Keys of the REST API.")


@serving.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Serve the REST API over the published night until Ctrl-C."""
    from ecorse.serve.run import serve as run
    from ecorse.settings import get_settings

    settings = get_settings()
    ready()
    place, number = host or settings.api_host, port or settings.api_port
    say(f"API: http://{place}:{number}/docs (a key: `ecorse api key NAME --scope read`)")
    run(place, number, workers)


@commands.command("key")
def make(
    name: Annotated[str, typer.Argument(help="What the key is for, e.g. web-shop.")],
    scope: Annotated[
        list[str], typer.Option(help="What it opens: read, customers, events; may be repeated.")
    ] = ["read"],  # noqa: B006
) -> None:
    """Make a key and print it; it is shown this once."""
    from ecorse.serve.keys import make_key

    ready()
    out(make_key(name, scope))
    say(f"This is key {name!r} ({', '.join(sorted(set(scope)))}). It cannot be shown again.")


@commands.command("keys")
def keys(as_json: Json = False) -> None:
    """List the keys: names, scopes, since when; not the keys themselves."""
    from ecorse.serve.keys import list_keys

    ready()
    rows = list_keys().to_dicts()
    if as_json:
        emit(rows)
        return
    for row in rows:
        state = "taken back" if row["revoked_at"] else "opens"
        out(f"{row['key_name']:24} {row['created_at']:%Y-%m-%d}  {state:10}  {row['scopes']}")


@commands.command("revoke")
def revoke(name: Annotated[str, typer.Argument(help="Of `ecorse api keys`.")]) -> None:
    """Take a key back: within 10 seconds it opens nothing."""
    from ecorse.serve.keys import revoke_key

    ready()
    revoke_key(name)
    out(f"Key {name!r} opens nothing any more.")
