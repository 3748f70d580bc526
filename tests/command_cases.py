"""Answers that try to leave something behind in a repository, or in its judge, and what may be said of them."""

from __future__ import annotations

from dataclasses import dataclass

from codebench.sandbox import Conclusion, Language

WELL = (Conclusion.COMPLETED,)
ILL = (Conclusion.REFUTED, Conclusion.BROKEN_OFF)
EITHER = (*WELL, *ILL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One answer; `ends` has the conclusions that are right where exit code 0 is the only milestone."""

    name: str
    source: str
    ends: tuple[Conclusion, ...] = WELL
    language: Language = Language.BASH


def _python(name: str, source: str, ends: tuple[Conclusion, ...] = WELL) -> Case:
    return Case(name=name, source=source, ends=ends, language=Language.PYTHON)


CASES = (
    Case(name="the repository is removed", source="rm -rf ./* .[!.]* /work/toy /repositories/toy; true"),
    Case(name="the repository is removed and made anew", source="""
rm -rf *; mkdir toy data; echo 'def double(x): return 3' > toy/__init__.py; echo '# Toy' > README.md; ln -s toy link"""),
    Case(name="processes go on", source="""
sleep 1000 & setsid nohup sleep 1000 & (setsid sh -c 'setsid sleep 1000 & setsid sleep 1000 &' &)
trap '' TERM HUP INT; (trap '' TERM HUP INT QUIT; exec sleep 1000) & disown -a; exit 0"""),
    Case(name="processes go on writing", source="""
(setsid sh -c 'while :; do echo x >> README.md; echo x >> /tmp/x; echo x > $RANDOM; done' &) ; sleep 0.05"""),
    _python("a double fork", """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(0), os.close(1), os.close(2)
        while True:
            time.sleep(0.001)
            open('README.md', 'a').write('x')
    os._exit(0)"""),
    Case(name="a fork bomb", source=":(){ :|:& };:; wait; sleep 60", ends=ILL),
    _python("a fork bomb of sessions", """
import os
while True:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        pass""", ILL),
    Case(name="what the next would read first", source="""
for f in .bashrc .bash_profile .profile .bash_login .inputrc .pythonrc .python_history; do echo 'echo owned' > ~/$f; done
for v in 3.11 3.12 3.13 3.14; do d=~/.local/lib/python$v/site-packages; mkdir -p $d
echo 'import sys; print("owned")' > $d/x.pth; echo 'print("owned")' > $d/usercustomize.py; done
mkdir -p ~/.config/pip ~/bin; printf '#!/bin/sh\\necho owned' > ~/bin/python; chmod +x ~/bin/python
echo 'print("owned")' > sitecustomize.py; echo 'print("owned")' > json.py; echo 'print("owned")' > os.py
printf 'echo owned' > .answer.sh; echo 'print("owned")' > .answer.py; echo 'print("owned")' > .answer1.py
export PATH=/tmp/bin BASH_ENV=/tmp/.bashrc PYTHONSTARTUP=/tmp/.pythonrc PYTHONPATH=/tmp; ulimit -t 1; umask 777; true"""),
    Case(name="output for the next to read", source="echo result > /tmp/out; echo result > /dev/shm/out; echo result > out"),
    Case(name="links out of the view", source="""
rm -rf data README.md link; ln -s /tmp data; ln -s /etc/passwd README.md; ln -s / root; ln -s /proc/self/cwd here
ln -s . loop; ln -s loop2 loop2; ln -s /repositories/toy link; mkdir d; ln -s ../../.. d/up; true"""),
    Case(name="links to what it was", source="""
rm -rf data toy README.md; ln -s /repositories/toy/data data; ln -s /repositories/toy/README.md README.md
ln -s /repositories/toy/toy toy; true"""),
    Case(name="FIFOs where files were", source="rm README.md data/numbers.txt; mkfifo README.md data/numbers.txt out; true"),
    _python("sockets and devices where files were", """
import os, socket
os.remove('README.md')
socket.socket(socket.AF_UNIX).bind('README.md')
for kind in (0o020000, 0o060000):
    try:
        os.mknod('device', kind | 0o666, os.makedev(1, 3))
    except OSError:
        pass"""),
    Case(name="a gigabyte of files", source="""
for i in $(seq 128); do head -c 8M /dev/zero > big$i || break; done; rm README.md; truncate -s 15M data/numbers.txt; true"""),
    Case(name="a full disk where files were", source="""
rm README.md; : > data/numbers.txt; for i in $(seq 9); do head -c 15M /dev/zero > big$i; done; true"""),
    _python("a million empty files", """
import os
os.remove('README.md')
try:
    for i in range(10**6):
        os.mknod(f'f{i}')
except OSError:
    pass""", EITHER),
    _python("many folders in one", """
import os
for i in range(5000):
    os.mkdir(f'd{i}')
    os.mkdir(f'd{i}/d')"""),
    Case(name="nothing may be entered", source="mkdir -p a/b/c; echo x > a/b/c/d; chmod -R 000 . ; chmod 000 /work/toy; true"),
    Case(name="everything is for all", source="chmod -R 4777 * ; true"),
    _python("three thousand folders deep", """
import os
os.rename('data', 'd')
for _ in range(3000):
    os.mkdir('d' * 50)
    os.chdir('d' * 50)
open('f', 'w').write('x')""", EITHER),
    _python("odd names", r"""
import os
for name in (b'\n', b'new\nline', b'\xff\xfe', b'\xed\xa0\x80', b'-rf', b' ', b'*', b'\x1b[31m', b'a' * 255, b'$(reboot)', b'%s'):
    os.mkdir(name)
    open(os.path.join(name, name), 'w').write('x')"""),
    _python("bytes are changed through memory, and times set back", """
import mmap, os
facts = os.stat('data/numbers.txt')
with open('data/numbers.txt', 'r+b') as file:
    memory = mmap.mmap(file.fileno(), 0)
    os.utime('data/numbers.txt', ns=(facts.st_atime_ns, facts.st_mtime_ns))
    memory[100:103] = b'bad'"""),
    _python("bytes are changed in place, and times set back", """
import os
facts = os.stat('toy/__init__.py')
with open('toy/__init__.py', 'r+b') as file:
    file.seek(-2, 2)
    file.write(b'y')
os.utime('toy/__init__.py', ns=(facts.st_atime_ns, facts.st_mtime_ns))"""),
    _python("files that are open and removed", """
import os, time
files = []
for i in range(50):
    files.append(open(f'f{i}', 'wb'))
    files[-1].write(bytes(100000))
    os.remove(f'f{i}')
if os.fork() == 0:
    time.sleep(1000)
os._exit(0)"""),
    _python("files in flight between sockets of nobody", """
import array, os, socket
for i in range(20):
    a, b = socket.socketpair()
    file = os.open(f'f{i}', os.O_RDWR | os.O_CREAT)
    os.unlink(f'f{i}')
    for s, fds in ((a, [file, a.fileno(), b.fileno()]), (b, [file, a.fileno(), b.fileno()])):
        s.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))])"""),
    Case(name="files are one another's", source="""
ln -f data/numbers.txt README.md; mv toy/__init__.py x; mv toy/__main__.py toy/__init__.py; mv x toy/__main__.py
rm data/deeper/empty; ln run.sh data/deeper/empty; true"""),
    Case(name="equal files are one", source="rm data/empty; ln data/deeper/empty data/empty"),
    _python("attributes", """
import os
for path in ('README.md', 'toy', '.'):
    for name in ('user.left', 'user.overlay.opaque', 'user.overlay.whiteout'):
        try:
            os.setxattr(path, name, b'y')
        except OSError:
            pass"""),
    _python("flags of inodes", """
import array, fcntl, os
for path in ('README.md', 'toy', '.'):
    fd = os.open(path, os.O_RDONLY)
    for flag in (0x40, 0x20, 0x10):
        try:
            fcntl.ioctl(fd, 0x40086602, array.array('l', [flag]))
        except OSError:
            pass"""),
    Case(name="other times", source="touch -d 2001-01-01 README.md toy data data/numbers.txt .; touch -h -d 2001-01-01 link"),
    Case(name="folders change places", source="mv data x; mv toy data; mv x toy; mv toy/deeper .; true"),
    _python("a folder is renamed by its own call", """
import os
try:
    os.rename('data', 'data2')
except OSError as error:
    assert error.errno == 18, error  # EXDEV, as overlays of ordinary users have it; shutil.move copes"""),
    Case(name="output without end", source="yes & yes >&2", ends=ILL),
    Case(name="output without end, and no line's end", source="tr '\\0' x < /dev/zero", ends=ILL),
    _python("a large pipe, full", """
import fcntl, os
fcntl.fcntl(1, 1031, 1 << 20)
os.write(1, b'x' * (1 << 20))"""),
    Case(name="it stops", source="kill -STOP $$", ends=ILL),
    Case(name="it kills all that it can", source="kill -9 -1; true", ends=EITHER),
    _python("it closes all and sleeps", "import os, time\nos.closerange(0, 100)\ntime.sleep(60)", ILL),
    _python("it writes to whatever is open", """
import os
for fd in range(3, 100):
    try:
        os.write(fd, b'\\0\\0\\0\\1V')
    except OSError:
        pass"""),
    _python("memory", "x = []\nwhile True:\n    x.append(bytearray(1 << 24))", ILL),
    Case(name="no program at all", source="\0\0\0", ends=EITHER),
    Case(name="no text at all", source=""),
    Case(name="text that is no UTF-8", source="echo '\ud800' > x; cat x"),
    Case(name="a long text", source=f"# {'x' * 300_000}\ntrue"),
    Case(name="it reads its own text", source="cat .answer.sh; cat -; test -e .answer.sh"),
)  # fmt: skip
