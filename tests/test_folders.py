"""What is published appears whole or not at all, and one process at a time is at work, on every system."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import ROOT

from rcm_analysis.errors import RcmError
from rcm_analysis.store import folders

HOLDER = """
import sys, time
from pathlib import Path
from rcm_analysis.store import folders
with folders.lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def filled(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("a", "b/c"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def texts(folder: Path) -> set[str]:
    return {path.read_text() for path in folder.rglob("*") if path.is_file()}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_lock_of_another_process_is_an_error_and_ends_when_that_is_killed(tmp_path):
    path = tmp_path / "clinic/.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert holder.stdout.readline() == b"held\n" and path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(folders.LockedError, match="another process is at work in"), folders.lock(path):
        pass
    with pytest.raises(RcmError, match="a word of ours"), folders.lock(path, error=RcmError("a word of ours")):
        pass
    holder.kill()
    holder.wait()
    with folders.lock(path):
        pass


def test_who_waits_is_told_once_and_goes_on(tmp_path):
    path, told, done, begun = tmp_path / ".lock", [], [], threading.Event()

    def second():
        with folders.lock(path, wait=lambda: (told.append(1), begun.set())):
            done.append(1)

    thread = threading.Thread(target=second)
    with folders.lock(path):
        thread.start()
        assert begun.wait(10) and not done
    thread.join(10)
    assert (told, done) == ([1], [1])


def test_a_lock_that_was_renamed_away_keeps_nobody_out(tmp_path):
    """A practice forgotten while an ingest waits: the ingest must hold the lock of the new folder, not of the old one."""
    path, begun, held = tmp_path / "clinic/.lock", threading.Event(), threading.Event()
    release = threading.Event()

    def second():
        with folders.lock(path, wait=begun.set):
            held.set()
            release.wait(10)

    thread = threading.Thread(target=second)
    with folders.lock(path):
        thread.start()
        assert begun.wait(10)
        path.parent.rename(tmp_path / ".forgotten")
    assert held.wait(10)
    with pytest.raises(folders.LockedError), folders.lock(path):
        pass
    release.set()
    thread.join(10)


def test_what_is_published_takes_the_place_of_the_older(tmp_path):
    final = filled(tmp_path / "2026-10", "old")
    folders.publish(filled(folders.building(final), "new"), final)
    assert names(tmp_path) == ["2026-10"] and texts(final) == {"new"}


def test_what_a_killed_run_left_is_put_right_and_nothing_else(tmp_path):
    final = tmp_path / "2026-10"
    filled(tmp_path / ".2026-10.old-1", "old"), filled(tmp_path / ".2026-10.old-2", "older")
    filled(tmp_path / ".2026-10.building-3", "new"), filled(tmp_path / ".2026-10.pdf.building-3", "other")
    (tmp_path / ".2026-10.building-4").write_text("a file")
    folders.recover(final)
    assert names(tmp_path) == [".2026-10.pdf.building-3", "2026-10"] and texts(final) == {"old"}


def killed_before(at: int) -> None:
    """This process ends right before the file system is changed for the nth time."""
    left = at

    def count(event: str, arguments: tuple) -> None:
        nonlocal left
        if event in ("os.rename", "os.mkdir", "os.rmdir", "os.remove"):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_step_leaves_the_old_or_the_new(tmp_path):
    """A fork kills itself right before the nth change of the file system; the next run sees one whole folder."""
    outcomes = []
    for at in range(1, 13):
        place = tmp_path / str(at)
        final = filled(place / "final", "old")
        child = os.fork()
        if not child:
            killed_before(at)
            try:
                folders.publish(filled(folders.building(final), "new"), final)
                os._exit(0)
            finally:
                os._exit(1)
        outcomes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        seen = texts(final) if final.exists() else set()
        folders.recover(final)
        assert names(place) == ["final"] and seen <= texts(final) and texts(final) in ({"old"}, {"new"}), at
    assert outcomes[0] == -signal.SIGKILL and outcomes[-1] == 0


def test_files_are_written_whole_and_private(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    second.write_text("of before")
    folders.write({first: b"one", second: b""})
    assert names(tmp_path) == ["a"] and first.stat().st_mode & 0o777 == 0o600
    folders.write({first: b"two"})
    folders.write_once(first, b"three")
    folders.write_once(second, b"four")
    assert (first.read_bytes(), second.read_bytes()) == (b"two", b"four") and names(tmp_path) == ["a", "b"]


def test_there_is_no_moment_without_the_one_or_the_other(tmp_path, monkeypatch):
    """Watched before every rename and removal: the old folder or the new one stands in its place, whole."""
    final, seen = filled(tmp_path / "2026-10", "old"), []

    def look(event: str, arguments: tuple) -> None:
        if watching and event in ("os.rename", "os.rmdir", "os.remove") and str(arguments[0]).startswith(str(tmp_path)):
            seen.append(texts(final))

    watching = True
    sys.addaudithook(look)
    folders.publish(filled(folders.building(final), "new"), final)
    watching = False
    assert seen[0] == {"old"} and all(one in ({"old"}, {"new"}) for one in seen) and names(tmp_path) == ["2026-10"]


def test_where_folders_cannot_change_places_the_old_one_comes_back(tmp_path, monkeypatch):
    final = filled(tmp_path / "2026-10", "old")
    monkeypatch.setattr(folders, "exchanged", lambda one, other: False)
    replace = Path.replace

    def full(path, target):
        if ".building-" in path.name:
            raise OSError(5, "Input/output error")
        return replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(OSError):
            folders.publish(filled(folders.building(final), "new"), final)
    assert texts(final) == {"old"}
    folders.recover(final)
    folders.publish(filled(folders.building(final), "new"), final)
    assert texts(final) == {"new"} and names(tmp_path) == ["2026-10"]
