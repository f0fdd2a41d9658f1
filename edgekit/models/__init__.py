"""The zoo: networks of the source documents and their relatives, as tables over shared blocks.

`edgekit.models.registry` names them without importing torch; `build` there makes one.
"""
