"""What all tests share."""

import pytest
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


@pytest.fixture
def run(capsys):
    """Return what calls the command line: arguments -> exit status, standard output, standard error."""
    from learn.cli import app

    def run(*arguments):
        with pytest.raises(SystemExit) as exit_:
            app([str(a) for a in arguments], prog_name="gatewright")
        captured = capsys.readouterr()
        return exit_.value.code, captured.out, captured.err

    return run
