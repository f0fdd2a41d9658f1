"""Packager: bundles as the assets of an Android app, each with a self-test that needs no numpy."""

from edgekit.packager.model import Packed, PackedBundle
from edgekit.packager.pack import ASSETS, INDEX_FILE, pack

__all__ = ["ASSETS", "INDEX_FILE", "Packed", "PackedBundle", "pack"]
