"""The composition root: names and files in, working objects out."""

from overnight.wiring.site import Site, find_site, read_state, scratch_folder, studies

__all__ = ["Site", "find_site", "read_state", "scratch_folder", "studies"]
