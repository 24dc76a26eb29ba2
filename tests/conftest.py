"""What holds for all tests: how Hypothesis looks for examples, and nothing else.

`HYPOTHESIS_PROFILE` names the profile. The usual one tries the same examples on
every run, so a red test is always the change's doing; `search` looks further,
other ones each time.
"""

from __future__ import annotations

import os

from hypothesis import settings

# A deadline would measure the machine, not the code.
settings.register_profile("ci", derandomize=True, max_examples=100, deadline=None, print_blob=True)
settings.register_profile("search", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
