"""What the server of kernels does once, when all else is imported, so that no kernel does it again."""

from rcm_analysis.store import kept

# the package's own code is read to name what is kept; it can't change any more, since it is imported
kept.package_fingerprint(kept.TELL_TABLES)
kept.package_fingerprint(kept.TELL_LEARNED)
kept.package_fingerprint(kept.TELL_PICTURES)
