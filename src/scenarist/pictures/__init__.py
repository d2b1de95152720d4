"""Pictures of what an application declares: where everything is placed, and how it is drawn.

May import: config (what is declared), domain.
Never here: records, a server; a picture shows configs, not entities.
"""

from scenarist.pictures.svg import draw

__all__ = ["draw"]
