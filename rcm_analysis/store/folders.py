"""Files and folders that appear whole or not at all, and locks that keep others out while one is at work.

    with lock(out / ".lock", error=Busy("another report is being rendered")):
        recover(out / "2026-10")                        # what a killed run had begun or set aside
        work = building(out / "2026-10")                # .2026-10.building-4711, written at leisure
        publish(work, out / "2026-10")                  # on the disk, then in place by one rename

What is published has reached the disk before anybody can see it, so that neither a kill nor a power cut leaves half of
it. All of this is the same on Linux, macOS and Windows.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from rcm_analysis.errors import RcmError

_HERE, _HERE_MAC = -100, -2  # AT_FDCWD: paths as they stand


class LockedError(RcmError):
    """Somebody else is at work there."""


# --- locks ---------------------------------------------------------------------------------------------------------


@contextmanager
def lock(path: Path, *, wait: Callable[[], None] | None = None, error: RcmError | None = None) -> Iterator[None]:
    """Holds the lock whose file is `path`; it ends with the process at the latest, however that ends.

    While another holds it, `wait` is called once and its end is awaited; without `wait` the error is raised, LockedError
    if none is given.
    """
    import filelock  # here: it imports asyncio, which most commands do without

    while True:
        make_private(path.parent)
        held = filelock.FileLock(path, mode=0o600)
        before = None
        with suppress(FileNotFoundError):  # who was at work renamed the folder, and the lock with it
            path.touch(mode=0o600)
            before = path.stat()
            try:
                held.acquire(timeout=0)
            except filelock.Timeout:
                if wait is None:
                    raise error or LockedError(f"another process is at work in {path.parent}") from None
                wait()
                wait = _nothing
                held.acquire()
        try:
            if held.is_locked and before and _is_still(path, before):
                yield
                return
        finally:
            held.release()


def _nothing() -> None:
    """Who waits a second time was told before."""


def _is_still(path: Path, before: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), before)
    except FileNotFoundError:
        return False


# --- publishing ----------------------------------------------------------------------------------------------------


def building(final: Path) -> Path:
    """Where a file or folder is made before it is published: beside its place, so that one rename brings it there."""
    return final.with_name(f".{final.name}.building-{os.getpid()}")


def publish(work: Path, final: Path) -> None:
    """Puts `work` in the place of `final`, whole, once it has reached the disk.

    An older folder changes places with it in one step, so that there is no moment without one. Where the system can't do
    that it is set aside meanwhile, and put back where the new one can't take its place.
    """
    _to_disk(*(path for path in work.rglob("*") if not path.is_symlink()), work)
    if not final.is_dir() or final.is_symlink():
        work.replace(final)
    elif not exchanged(work, final):
        _by_way_of(final.with_name(f".{final.name}.old-{os.getpid()}"), work, final)
    _to_disk(final.parent)
    if work.is_dir():
        shutil.rmtree(work, ignore_errors=True)  # the older one by now


def _by_way_of(aside: Path, work: Path, final: Path) -> None:
    final.rename(aside)
    try:
        work.replace(final)
    except BaseException:
        aside.rename(final)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def exchanged(one: Path, other: Path) -> bool:
    """Lets two paths change their names in one step; False where the system or its file system knows no such step."""
    if sys.platform == "linux":
        call, arguments = "renameat2", (_HERE, os.fsencode(one), _HERE, os.fsencode(other), 2)
    elif sys.platform == "darwin":
        call, arguments = "renameatx_np", (_HERE_MAC, os.fsencode(one), _HERE_MAC, os.fsencode(other), 2)
    else:
        return False
    sys.audit("os.rename", os.fspath(one), os.fspath(other), -1, -1)  # as of every other rename
    function = getattr(ctypes.CDLL(None, use_errno=True), call, None)
    if function is None:
        return False
    if function(*arguments) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(other))


def recover(final: Path) -> None:
    """Puts back what a killed run had set aside, and removes what it had begun. Call it where no other run can be at work."""
    for path in leftovers(final):
        if path.name.startswith(f".{final.name}.old-") and not final.exists():
            path.rename(final)
        else:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def leftovers(final: Path) -> list[Path]:
    """What stands beside `final` of a run that was killed while it published, or is at work now."""
    begun = (f".{final.name}.old-", f".{final.name}.building-")
    beside = sorted(final.parent.iterdir()) if final.parent.is_dir() else []
    return [path for path in beside if path.name.startswith(begun)]


@contextmanager
def whole(final: Path) -> Iterator[Path]:
    """A place beside a file's own in which to write it: it appears when the block ends, whole and its owner's alone, or
    not at all.
    """
    if final.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(final))
    make_private(final.parent)
    sweep(final)
    work = building(final)
    try:
        _written(work, b"")  # whoever opens it now finds it private
        yield work
        work.chmod(0o600)
        publish(work, final)
    finally:
        work.unlink(missing_ok=True)


def sweep(final: Path) -> None:
    """Removes what processes that are dead by now had begun beside `final`; what others are at work on stays."""
    for path in leftovers(final):
        if path.name.startswith(f".{final.name}.building-") and not _is_alive(path.name.rpartition("-")[2]):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _is_alive(process: str) -> bool:
    """Whether a process may still run; where that can't be asked it may."""
    if os.name == "nt" or not process.isdigit() or int(process) == os.getpid():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def write(contents: Mapping[Path, bytes]) -> None:
    """Writes files that are their owner's alone, each whole, the first of them when all have reached the disk.

    A file without content is removed.
    """
    works = {path: building(path) for path, data in contents.items() if data}
    for path in contents:
        sweep(path)
    try:
        for path, work in works.items():
            _written(work, contents[path])
        for path in contents:
            works[path].replace(path) if path in works else path.unlink(missing_ok=True)
        _to_disk(*{path.parent for path in works})
    finally:
        for work in works.values():
            work.unlink(missing_ok=True)


def write_once(path: Path, content: bytes) -> None:
    """The file with this content, whole or not at all, and never in the place of one that is there already."""
    work = building(path)
    _written(work, content)
    try:
        os.link(work, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        work.replace(path)
    work.unlink(missing_ok=True)
    _to_disk(path.parent)


def make_private(folder: Path) -> None:
    """The folder and those above it, their owner's alone where they are new."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def _written(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _to_disk(*paths: Path) -> None:
    """Waits until files and folders have reached the disk."""
    for path in paths:
        if not path.is_dir():
            _synced(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        elif os.name != "nt":  # Windows keeps its folders itself
            with suppress(OSError):  # so do some shares, and say that they can't be asked
                _synced(path, os.O_RDONLY)


def _synced(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
