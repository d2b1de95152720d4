"""Pictures of an application's declarations: layout and drawing.

May import: config (the declarations), domain.
Never here: records, a server; a picture shows configs, not entities.
"""

from scenarist.pictures.svg import draw

__all__ = ["draw"]
