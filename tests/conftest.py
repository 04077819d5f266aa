"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# the same cases every time: a test that fails fails for everybody. The long versions (make test-full) take new ones each time
settings.register_profile("the same for everybody", derandomize=True)
settings.load_profile("the same for everybody")
