"""The types of the names that ``ecorse`` imports when they are used."""

from ecorse.night import Night as Night
from ecorse.notebook import Project as Project

__version__: str
