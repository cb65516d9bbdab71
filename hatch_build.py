"""What a wheel carries besides the code: the files that a project's own lie over.

An editable installation finds them in the checkout; a copy of them there would go stale unseen.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = ("include", "dags", "plugins", ".env.example")


class ShippedFiles(BuildHookInterface[Any]):
    """Puts the shipped folders into the package, where ``ecorse.layers`` looks for them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add them to a wheel that leaves the checkout."""
        if version == "standard":
            build_data["force_include"] |= {name: f"ecorse/_project/{name}" for name in SHIPPED}
