"""What a power cut leaves of a folder, as POSIX allows it: what was synced is there, of everything else any part may be. A name that was made,
moved or removed since its folder was synced is as before or as now, each for itself; of a file's bytes since its last fsync, each block.

tests/torture/faults.c keeps what each fsync has made durable, by inode.
"""
import os
import shutil
import stat

BLOCK = 4096


def names(path):
    with os.scandir(path) as entries:
        return {entry.name: entry.inode() for entry in entries}


def content(path):
    with open(path, "rb") as file:
        return file.read()


class Disk:
    """All inodes below a folder: files' bytes, folders' names, links' texts, with their modes."""

    def __init__(self, top):
        self.files, self.folders, self.links, self.modes = {}, {}, {}, {}
        self.top = None
        if os.path.lexists(top):
            self.top = os.lstat(top).st_ino
            self.add(top)

    def add(self, path):
        st = os.lstat(path)
        self.modes[st.st_ino] = stat.S_IMODE(st.st_mode)
        if stat.S_ISDIR(st.st_mode):
            self.folders[st.st_ino] = names(path)
            for name in self.folders[st.st_ino]:
                self.add(os.path.join(path, name))
        elif stat.S_ISREG(st.st_mode):
            self.files[st.st_ino] = content(path)
        elif stat.S_ISLNK(st.st_mode):
            self.links[st.st_ino] = os.readlink(path)


class Cut:
    def __init__(self, before, now, synced, luck):
        self.before, self.now, self.synced, self.luck = before, now, synced, luck
        self.chosen = {}  # bytes by inode: a file may have several names

    def durable_names(self, inode):
        path = os.path.join(self.synced, f"{inode}.folder")
        if not os.path.exists(path):
            return self.before.folders.get(inode, {})
        entries = [entry.split(" ", 1) for entry in os.fsdecode(content(path)).split("\0") if entry]
        return {name: int(number) for number, name in entries if name not in (".", "..")}

    def bytes_of(self, inode):
        path = os.path.join(self.synced, f"{inode}.file")
        old = content(path) if os.path.exists(path) else self.before.files.get(inode, b"")
        new = self.now.files.get(inode, old)
        if inode not in self.chosen:
            length = self.luck.choice([len(old), len(new)])
            blocks = [self.luck.choice([old, new])[at : at + BLOCK].ljust(BLOCK, b"\0") for at in range(0, length, BLOCK)]
            self.chosen[inode] = new if old == new else b"".join(blocks)[:length]
        return self.chosen[inode]

    def write(self, inode, path):
        if inode in self.now.folders or inode in self.before.folders:
            os.mkdir(path)
            old, new = self.durable_names(inode), self.now.folders.get(inode, {})
            for name in sorted(old.keys() | new.keys()):
                child = self.luck.choice([old, new]).get(name)
                if child is not None:
                    self.write(child, os.path.join(path, name))
        elif inode in self.now.links or inode in self.before.links:
            os.symlink(self.now.links.get(inode) or self.before.links[inode], path)
        else:
            with open(path, "wb") as file:
                file.write(self.bytes_of(inode))
        if not os.path.islink(path):
            os.chmod(path, self.now.modes.get(inode, self.before.modes.get(inode, 0o644)))


def cut(top, before, synced, luck):
    """Puts in the place of `top` what is left of it. `before`: what was on the disk when the run began."""
    now = Disk(top)
    shutil.rmtree(top, ignore_errors=True)
    if now.top is not None:
        Cut(before, now, synced, luck).write(now.top, top)
