"""Settings shared by all tests."""

from hypothesis import HealthCheck, settings

# The same examples on every run; no deadline, since a first call may compile a kernel.
settings.register_profile(
    "gatewright",
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("gatewright")
