"""The zoo: small networks for phones and boards, as tables of data over shared blocks.

`edgekit.models.registry` names them without importing torch; `build` there makes one.
"""
