"""Teams of threads: every member works once a call, shares cover all parts, and what fails is told."""

import threading
import time

import numpy as np
import pytest

from learn.threads import ALONE, Team, _watch


@pytest.fixture(params=[1, 2, 5])
def team(request):
    made = Team(request.param)
    yield made
    made.close()


def test_every_member_works_once_on_a_thread_of_its_own(team):
    for _ in range(50):
        found = team.run(lambda member: (member, threading.get_ident()))
        assert sorted(member for member, _ in found) == list(range(team.size))
        assert len({thread for _, thread in found}) == team.size
        assert (0, threading.get_ident()) in found


@pytest.mark.parametrize("parts", [0, 1, 4, 5, 1000])
def test_shares_cover_all_parts(team, parts):
    shares = sorted(team.run(lambda member: team.share(member, parts)))
    assert [part for first, last in shares for part in range(first, last)] == list(range(parts))
    assert max(b - a for a, b in shares) - min(b - a for a, b in shares) <= 1


def test_what_a_member_raises_is_raised(team):
    def work(member):
        if member == team.size - 1:
            raise KeyError(member)

    with pytest.raises(KeyError):
        team.run(work)


def test_threads_end():
    before = threading.active_count()
    team = Team(4)
    assert threading.active_count() == before + 3
    team.close()
    assert threading.active_count() == before and ALONE.size == 1


@pytest.mark.parametrize("size", [2, 3, 5])
def test_posted_work_is_done_when_the_next_run_is(size):
    team, done = Team(size), np.zeros(100, int)

    def work(first, last):
        time.sleep(0.01)
        done[first:last] += 1

    for parts in (100, 1, 0):
        done[:] = 0
        team.post(work, parts)
        assert sorted(team.run(lambda member: member)) == list(range(size))
        assert done[:parts].all() and not done[parts:].any() and done.max(initial=0) <= 1
    team.close()


def test_who_watches_sees_a_change_made_by_another_thread_and_gives_up_without_one():
    counts = np.zeros(16, np.int64)
    assert not _watch(counts, 8, 0, 1000)
    assert _watch(counts, 8, 1, 1)
    other = threading.Timer(0.01, lambda: counts.__setitem__(8, 1))
    other.start()
    assert _watch(counts, 8, 0, 10**11)  # more looks than any machine takes in a minute
    other.join()
