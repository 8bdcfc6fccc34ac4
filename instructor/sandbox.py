"""A process in which a submission may do what it likes: it sees no files of others, no network, no other process.

Three levels, the best that the system allows:

- "namespaces" (Linux, as root or where users may make namespaces): a file system with Python and the course's
  module alone, read-only, and three small ones in memory to write to; no network; processes that end with it.
- "user" (root without namespaces, as in some containers): a user of its own who may read what everybody may.
- "limits" (any other Unix, never as root): time, memory, file size. The submission is you, and does what you can.

At every level there are limits on time, memory and files, at the first two on processes, too.
"""

import contextlib
import ctypes
import os
import resource
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

LEVELS = ("namespaces", "user", "limits")
ROOT = Path(__file__).resolve().parent.parent
HOME = "/home/learner"
FIRST_USER = 61000  # and one more for each submission that runs at the same time
MEGABYTE = 2**20

NEW_USER, NEW_PIDS = 0x10000000, 0x20000000
NEW_MOUNTS_AND_NETWORK = 0x00020000 | 0x04000000 | 0x08000000 | 0x40000000  # and names, and shared memory
READ_ONLY, NO_SETUID, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18
DETACH = 2
DIE_WITH_PARENT, NO_NEW_PRIVILEGES, ADOPT_ORPHANS = 1, 38, 36


@dataclass(frozen=True)
class Limits:
    """What one submission may use: seconds for a cell and in all, megabytes of memory and of output."""

    cell_seconds: float = 60
    seconds: float = 300
    megabytes: int = 2048
    output_megabytes: int = 4


class SandboxError(Exception):
    pass


def spawn(run, level, limits, slot):
    """Start `run(write_end)` in a sandbox; return the process that keeps it and the end of a pipe to read from."""
    if level == "limits" and os.getuid() == 0:
        raise SandboxError("root runs nothing without a sandbox")
    read_end, write_end = os.pipe()
    keeper = os.fork()
    if keeper:
        os.close(write_end)
        return keeper, read_end
    os.close(read_end)
    return exit_with(_keep, run, level, limits, slot, write_end)


def stop(keeper):
    """End the sandbox and every process in it, and return the exit status of `run` (128 more than a signal)."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(keeper).children(recursive=True)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    with contextlib.suppress(ProcessLookupError):
        os.kill(keeper, signal.SIGTERM)  # if what it kept is gone, it ends by itself
    _, status = os.waitpid(keeper, 0)
    return os.waitstatus_to_exitcode(status)


def memory_of(keeper):
    """Return the megabytes that the processes of a sandbox hold for themselves."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(keeper).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                memory = process.memory_info()
                total += memory.rss - getattr(memory, "shared", 0)
    return total / MEGABYTE


def best_level():
    """Return the best level that works here, by trying; None where there is none that is not a danger."""
    return next((level for level in LEVELS if _works(level)), None)


def _works(level):
    # The process of root without a sandbox could end every process of the machine.
    if (level == "user") != (os.getuid() == 0) and level != "namespaces":
        return False

    def reach_python(end):
        Path(os.__file__).stat()
        (ROOT / "resnet_edu" / "__init__.py").stat()
        os.write(end, b".")

    keeper, read_end = spawn(reach_python, level, Limits(), slot=0)
    with os.fdopen(read_end, "rb") as stream:
        worked = stream.read() == b"."
    stop(keeper)
    return worked


def exit_with(function, *arguments):
    """Leave this forked process when the function ends, whatever happens, and run nothing of its parent's."""
    status = 1
    try:
        status = function(*arguments) or 0
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def _keep(run, level, limits, slot, write_end):
    """Fork the sandboxed process, wait for it, and end what it left behind."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _prctl(ADOPT_ORPHANS, 1)
    home = Path(tempfile.mkdtemp(prefix="grading-"))  # in namespaces, the place of the new file system's root
    if level == "user":
        os.chown(home, FIRST_USER + slot, FIRST_USER + slot)
    if level == "namespaces":
        _new_user_and_pids()
    child = os.fork()
    if child == 0:
        exit_with(_enter_and_run, run, level, limits, slot, home, write_end)
    os.close(write_end)

    def kill_child(number, frame):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGTERM, kill_child)
    _, status = os.waitpid(child, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    shutil.rmtree(home, ignore_errors=True)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code  # as a shell says that a signal ended it


def _enter_and_run(run, level, limits, slot, home, write_end):
    _close_files(keep=write_end)
    if level == "namespaces":
        _libc("unshare", NEW_MOUNTS_AND_NETWORK)
        _new_file_system(home)
        home = HOME
    os.chdir(home)
    os.environ["HOME"] = os.environ["TMPDIR"] = str(home)
    _drop_privileges(level, slot)
    if os.getuid() == 0 and level != "namespaces":
        raise SandboxError("still root")
    _prctl(DIE_WITH_PARENT, signal.SIGKILL)
    os.setsid()
    _set_limits(level, limits)
    return run(write_end)


def _close_files(keep):
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.closerange(3, keep)
    os.closerange(keep + 1, 4096)


def _new_user_and_pids():
    user, group = os.getuid(), os.getgid()
    _libc("unshare", NEW_PIDS | (NEW_USER if user else 0))
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _new_file_system(root):
    """Put Python and the course's module, read-only, into an empty file system, and make it the only one."""
    _mount(None, "/", None, RECURSIVE | PRIVATE)
    _mount("tmpfs", root, "tmpfs", NO_SETUID, "size=16m,mode=755")
    for path in (HOME, "/tmp", "/dev/shm"):  # first, as the course itself may lie below /tmp
        (root / path[1:]).mkdir(parents=True, exist_ok=True)
        _mount("tmpfs", root / path[1:], "tmpfs", NO_SETUID, "size=64m,mode=1777")
    for path in VISIBLE:
        _show(path, root)
    (root / "proc").mkdir()
    _mount("proc", root / "proc", "proc", NO_SETUID)
    os.chdir(root)
    _libc("pivot_root", b".", b".")
    _libc("umount2", b".", DETACH)
    os.chdir("/")


def _visible():
    """The paths that a submission needs: the system's programs and libraries, Python, the course's module."""
    paths = [*map(Path, ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime"))]
    paths += [Path("/dev") / name for name in ("null", "zero", "full", "random", "urandom")]
    paths += [Path(sys.prefix), Path(sys.base_prefix), ROOT / "resnet_edu", ROOT / "runs"]
    paths += [Path(entry) for entry in sys.path if entry.endswith("site-packages")]
    there = [path for path in dict.fromkeys(paths) if path.exists()]
    return [path for path in there if not any(other in path.parents for other in there)]


VISIBLE = _visible()


def _show(path, root):
    """Bind a file or a folder at its own place below the new root, read-only; a link stays a link."""
    target = root / str(path)[1:]
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() and path.parent == Path("/"):
        target.symlink_to(path.readlink())
        return
    target.mkdir(exist_ok=True) if path.is_dir() else target.touch()
    _mount(path, target, None, BIND | RECURSIVE)
    kept = os.statvfs(target).f_flag & 0xE  # nosuid, nodev, noexec: a user's namespace may not take them away
    _mount(None, target, None, BIND | REMOUNT | READ_ONLY | NO_SETUID | kept)


def _drop_privileges(level, slot):
    _prctl(NO_NEW_PRIVILEGES, 1)
    if level == "limits":
        return
    if os.getuid() == 0 and _is_real_root():
        os.setgroups([])
        os.setgid(FIRST_USER + slot)
        os.setuid(FIRST_USER + slot)
    else:  # the root of a user's namespace: give up all its capabilities
        header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        _libc("capset", header, data)


def _is_real_root():
    return Path("/proc/self/uid_map").read_text().split()[:2] == ["0", "0"]


def _set_limits(level, limits):
    size = psutil.Process().memory_info().vms + limits.megabytes * MEGABYTE
    values = {
        resource.RLIMIT_AS: size,
        resource.RLIMIT_CPU: int(2 * limits.seconds),
        resource.RLIMIT_FSIZE: 64 * MEGABYTE,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_CORE: 0,
    }
    if level != "limits":  # where the user is the instructor, the processes of a desktop would count
        values[resource.RLIMIT_NPROC] = 128
    for what, value in values.items():
        _, hard = resource.getrlimit(what)
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (least, least))


_C = ctypes.CDLL(None, use_errno=True)


def _libc(name, *arguments):
    if getattr(_C, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise SandboxError(f"{name}: {os.strerror(number)}")


def _prctl(option, value):
    with contextlib.suppress(AttributeError):  # not Linux
        _C.prctl(option, value, 0, 0, 0)


def _mount(source, target, kind, flags, options=None):
    encoded = [None if part is None else os.fsencode(part) for part in (source, target, kind, options)]
    source, target, kind, options = encoded
    _libc("mount", source, target, kind, ctypes.c_ulong(flags), options)
