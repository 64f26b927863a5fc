"""A PostgreSQL of our own: somebody else's binaries under a lifecycle that survives being killed anywhere."""

from collabcampus.embedded.binaries import Binaries, EmbeddedUnavailable, find_binaries
from collabcampus.embedded.cluster import Cluster

__all__ = ["Binaries", "Cluster", "EmbeddedUnavailable", "find_binaries"]
