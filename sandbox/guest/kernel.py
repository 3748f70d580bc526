"""The system calls that the standard library does not offer: prctl, capabilities, namespaces, mounts, seccomp."""

from __future__ import annotations

import ctypes
import os
import platform
import struct

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
_CLONE_NEW_ANY = 0x7E020000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED = 32, 4096, 16384, 1 << 18, 1 << 20
MOUNT_ATTR_READ_ONLY = 0x1 | 0x2 | 0x4  # and neither setuid nor devices
MOUNT_ATTR_IDMAP = 0x100000
MNT_DETACH = 2

CAP_SETGID, CAP_SETUID = 6, 7

_CAP_HEADER = struct.pack("=Ii", 0x20080522, 0)
_CAP_NONE = bytes(24)

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, value: int = 0, extra: int = 0) -> None:
    """Call prctl(2); raises OSError."""
    args = (ctypes.c_ulong(value), ctypes.c_ulong(extra), ctypes.c_ulong(0), ctypes.c_ulong(0))
    _checked(_libc.prctl(option, *args), f"prctl({option})")


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones; raises OSError."""
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Call mount(2); raises OSError that names the target."""
    encoded = [os.fsencode(text) or None for text in (source, target, kind)]
    _checked(_libc.mount(*encoded, ctypes.c_ulong(flags), data.encode() or None), f"mount {target}")


def umount(target: str, flags: int = 0) -> None:
    """Call umount2(2); raises OSError."""
    _checked(_libc.umount2(os.fsencode(target), flags), f"umount {target}")


def setns(fd: int, kind: int) -> None:
    """Enter the namespace behind a descriptor; raises OSError."""
    _checked(_libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)), "setns")


# These have the same number on every machine.
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000


def open_tree(path: str) -> int:
    """A mount of what is at `path`, attached to nothing; raises OSError that names the path."""
    flags = ctypes.c_uint(1 | os.O_CLOEXEC)  # OPEN_TREE_CLONE
    fd: int = _libc.syscall(ctypes.c_long(_OPEN_TREE), ctypes.c_int(_AT_FDCWD), os.fsencode(path), flags)
    return _checked(fd, f"open_tree {path}")


def set_mount_attributes(fd: int, attributes: int, users: int = 0) -> None:
    """Call mount_setattr(2) on a mount; `users` is a user namespace where owners are to be mapped. Raises OSError."""
    fields = struct.pack("=4Q", attributes, 0, 0, users)
    size = ctypes.c_size_t(len(fields))
    call = (ctypes.c_int(fd), b"", ctypes.c_uint(_AT_EMPTY_PATH), fields, size)
    _checked(_libc.syscall(ctypes.c_long(_MOUNT_SETATTR), *call), "mount_setattr")


def move_mount(fd: int, target: str) -> None:
    """Attach a mount; raises OSError that names the target."""
    call = (ctypes.c_int(fd), b"", ctypes.c_int(_AT_FDCWD), os.fsencode(target), ctypes.c_uint(4))
    _checked(_libc.syscall(ctypes.c_long(_MOVE_MOUNT), *call), f"move_mount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root and put the old one at `old`; raises OSError."""
    number = {"x86_64": 155, "aarch64": 41}[platform.machine()]
    _checked(_libc.syscall(ctypes.c_long(number), os.fsencode(new), os.fsencode(old)), "pivot_root")


def keep_capabilities(*kept: int) -> None:
    """Give up every capability but `kept`, in the bounding set too where that is allowed."""
    for cap in range(64):
        if cap not in kept and _libc.prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0:
            break  # past the last capability, or not allowed: no_new_privs keeps them out of reach all the same
    low = sum(1 << cap for cap in kept)
    _checked(_libc.capset(_CAP_HEADER, struct.pack("=6I", low, low, 0, 0, 0, 0)), "capset")


def drop_capabilities() -> None:
    """Give up every effective, permitted and inheritable capability; nothing but a system call."""
    _checked(_libc.capset(_CAP_HEADER, _CAP_NONE), "capset")


# What no candidate needs and what has no part in computing an answer: other processes' memory, new namespaces, mounts,
# keys, kernel tracing, IPC objects that outlive their process, files in memory that no limit counts where there is no
# cgroup, io_uring (which goes round these very rules).
_DENIED = {
    "x86_64": {
        "shmget": 29, "shmat": 30, "shmctl": 31, "semget": 64, "semop": 65, "semctl": 66, "shmdt": 67, "msgget": 68,
        "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "ptrace": 101, "syslog": 103, "personality": 135, "pivot_root": 155,
        "chroot": 161, "acct": 163, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169,
        "init_module": 175, "delete_module": 176, "quotactl": 179, "semtimedop": 220, "mbind": 237,
        "set_mempolicy": 238, "mq_open": 240, "mq_unlink": 241, "kexec_load": 246, "add_key": 248, "request_key": 249,
        "keyctl": 250, "migrate_pages": 256, "unshare": 272, "move_pages": 279, "perf_event_open": 298,
        "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308,
        "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "kexec_file_load": 320,
        "memfd_create": 319, "bpf": 321,
        "userfaultfd": 323, "memfd_secret": 447, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
        "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsmount": 432, "pidfd_getfd": 438, "mount_setattr": 442,
    },
    "aarch64": {
        "shmget": 194, "shmctl": 195, "shmat": 196, "shmdt": 197, "semget": 190, "semctl": 191, "semtimedop": 192,
        "semop": 193, "msgget": 186, "msgctl": 187, "msgrcv": 188, "msgsnd": 189, "ptrace": 117, "syslog": 116,
        "personality": 92, "pivot_root": 41, "chroot": 51, "acct": 89, "mount": 40, "umount2": 39, "swapon": 224,
        "swapoff": 225, "reboot": 142, "init_module": 105, "delete_module": 106, "quotactl": 60, "mbind": 235,
        "set_mempolicy": 237, "mq_open": 180, "mq_unlink": 181, "kexec_load": 104, "add_key": 217, "request_key": 218,
        "keyctl": 219, "migrate_pages": 238, "unshare": 97, "move_pages": 239, "perf_event_open": 241,
        "fanotify_init": 262, "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268,
        "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "kexec_file_load": 294,
        "memfd_create": 279, "bpf": 280,
        "userfaultfd": 282, "memfd_secret": 447, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
        "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsmount": 432, "pidfd_getfd": 438, "mount_setattr": 442,
    },
}  # fmt: skip
_ARCH = {"x86_64": (0xC000003E, 56, 41), "aarch64": (0xC00000B7, 220, 198)}  # audit number, clone, socket
_CLONE3 = 435
_SOCKET_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6: vsock and the like are not confined by a network namespace
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000


def _instruction(code: int, k: int, jt: int = 0, jf: int = 0) -> bytes:
    return struct.pack("=HBBI", code, jt, jf, k)


SCHED_SETAFFINITY = "sched_setaffinity"
_ALSO_DENIED = {"x86_64": {SCHED_SETAFFINITY: 203}, "aarch64": {SCHED_SETAFFINITY: 122}}


def seccomp_program(machine: str, *also: str) -> bytes:
    """Return the classic-BPF filter for `machine` ("x86_64" or "aarch64"): a deny list over Docker's or none.

    `also` names calls that are refused besides.
    """
    load, equal, at_least, any_bit, ret = 0x20, 0x15, 0x35, 0x45, 0x06
    audit, clone, socket = _ARCH[machine]
    rules = [_instruction(load, 4), _instruction(equal, audit, 1, 0), _instruction(ret, _KILL), _instruction(load, 0)]
    if machine == "x86_64":  # the x32 numbering would walk past every rule below
        rules += [_instruction(at_least, 0x40000000, 0, 1), _instruction(ret, _ERRNO | _ENOSYS)]
    for number in sorted([*_DENIED[machine].values(), *(_ALSO_DENIED[machine][name] for name in also)]):
        rules += [_instruction(equal, number, 0, 1), _instruction(ret, _ERRNO | _EPERM)]
    rules += [_instruction(equal, _CLONE3, 0, 1), _instruction(ret, _ERRNO | _ENOSYS)]
    rules += [_instruction(equal, clone, 0, 4), _instruction(load, 16)]
    rules += [
        _instruction(any_bit, _CLONE_NEW_ANY, 0, 1),
        _instruction(ret, _ERRNO | _EPERM),
        _instruction(ret, _ALLOW),
    ]
    rules += [_instruction(equal, socket, 0, len(_SOCKET_FAMILIES) + 3), _instruction(load, 16)]
    for i, family in enumerate(_SOCKET_FAMILIES):
        rules.append(_instruction(equal, family, len(_SOCKET_FAMILIES) - i, 0))
    rules += [_instruction(ret, _ERRNO | _EAFNOSUPPORT), _instruction(ret, _ALLOW), _instruction(ret, _ALLOW)]
    return b"".join(rules)


def apply_seccomp(*also: str) -> bool:
    """Put the filter on this process and all it will fork; False where the machine is not one it is written for."""
    machine = platform.machine()
    if machine not in _ARCH:
        return False
    program = seccomp_program(machine, *also)
    buffer = ctypes.create_string_buffer(program, len(program))
    fields = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    header = ctypes.create_string_buffer(fields, len(fields))  # both buffers must live until the call is over
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, 2, ctypes.addressof(header))
    return True
