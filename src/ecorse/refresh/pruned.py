"""Refusing a build whose rows are no longer there.

What belongs here: the check after a build was opened. What does not: pruning
(``ecorse.ingest.upkeep``).
"""

from __future__ import annotations

from ecorse.errors import TerminalError
from ecorse.refresh.builds import fail_build
from ecorse.warehouse.connect import connect


def refuse_pruned(build_id: int) -> None:
    """Refuse a build of the past whose rows are no longer there.

    Raises
    ------
    TerminalError
        A load of the build was pruned; the build is marked as failed.
    """
    with connect(application_name="ecorse open_build") as conn:
        pruned = [
            load_id
            for (load_id,) in conn.execute(
                """
                select load_id from ops.build_load join ops.load using (load_id)
                where build_id = %s and pruned_at is not null order by load_id
                """,
                (build_id,),
            )
        ]
    if pruned:
        message = (
            f"The night cannot be made as it was known then: the rows of load "
            f"{', '.join(map(str, pruned[:5]))}{', ...' if len(pruned) > 5 else ''} were pruned. "
            "Choose a later --known-by, or --as-of, which cuts on dates."
        )
        fail_build(build_id, message)
        raise TerminalError(message)
