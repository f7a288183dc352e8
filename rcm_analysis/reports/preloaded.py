"""What the server of kernels does once, when all else is imported, so that no kernel does it again."""

import sys

from rcm_analysis.store import kept

# the package's own code is read to name what is kept; it can't change any more, since it is imported
kept.package_fingerprint(kept.TELL_TABLES)
kept.package_fingerprint(kept.TELL_LEARNED)
kept.package_fingerprint(kept.TELL_PICTURES)

# seaborn gives pictures their look, and asks for these on the way, half a second of imports for densities and trees that
# no page draws; it does without them where they are not there
OPTIONAL = ("scipy.stats", "scipy.cluster")
absent = [name for name in OPTIONAL if name not in sys.modules]
sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
import seaborn  # noqa: E402, F401

for name in absent:
    del sys.modules[name]
