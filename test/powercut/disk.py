"""
A file system in memory that keeps what POSIX promises to keep when the power goes, and nothing more: bytes of a file only from its last
fsync, entries of a folder only from the folder's own. Making the folder /.powercut is the power cut: what is durable is written to the folder
given as second argument, and from then on everything fails. Usage: disk.py MOUNTPOINT SURVIVORS
"""

import errno
import os
import stat
import sys
import threading
import time

from fusepy import FUSE, FuseOSError, Operations


class Node:
    def __init__(self, folder, mode):
        self.folder = folder
        self.mode = mode
        self.changed = time.time()
        # What is seen: bytes of a file, or name -> node. And what would survive.
        self.live = {} if folder else bytearray()
        self.durable = {} if folder else b""

    def sync(self):
        self.durable = dict(self.live) if self.folder else bytes(self.live)


class Disk(Operations):
    def __init__(self, survivors):
        self.survivors = survivors
        self.root = Node(True, 0o755)
        self.open_files = {}
        self.last = 0
        self.off = False
        self.turn = threading.Lock()

    def __call__(self, op, *args):
        with self.turn:
            if self.off:
                raise FuseOSError(errno.EIO)
            return super().__call__(op, *args)

    def find(self, path):
        node = self.root
        for name in path.split("/"):
            if name:
                if not node.folder or name not in node.live:
                    raise FuseOSError(errno.ENOENT)
                node = node.live[name]
        return node

    def parent(self, path):
        folder, name = os.path.split(path)
        return self.find(folder), name

    def handle(self, node):
        self.last += 1
        self.open_files[self.last] = node
        return self.last

    def getattr(self, path, fh=None):
        node = self.open_files[fh] if fh else self.find(path)
        kind, size = (stat.S_IFDIR, 0) if node.folder else (stat.S_IFREG, len(node.live))
        times = dict.fromkeys(["st_atime", "st_mtime", "st_ctime"], node.changed)
        return dict(st_mode=kind | node.mode, st_nlink=1, st_size=size, st_uid=os.getuid(), st_gid=os.getgid(), **times)

    def readdir(self, path, fh):
        return [".", "..", *self.find(path).live]

    def mkdir(self, path, mode):
        if path == "/.powercut":
            self.cut(self.root, self.survivors)
            self.off = True
            return
        folder, name = self.parent(path)
        if name in folder.live:
            raise FuseOSError(errno.EEXIST)
        folder.live[name] = Node(True, mode)

    def create(self, path, mode, fi=None):
        folder, name = self.parent(path)
        folder.live[name] = Node(False, mode)
        return self.handle(folder.live[name])

    def open(self, path, flags):
        return self.handle(self.find(path))

    def opendir(self, path):
        return self.handle(self.find(path))

    def release(self, path, fh):
        self.open_files.pop(fh)

    releasedir = release

    def read(self, path, size, offset, fh):
        return bytes(self.open_files[fh].live[offset : offset + size])

    def write(self, path, data, offset, fh):
        node = self.open_files[fh]
        node.live.extend(bytes(max(0, offset - len(node.live))))
        node.live[offset : offset + len(data)] = data
        node.changed = time.time()
        return len(data)

    def truncate(self, path, length, fh=None):
        node = self.open_files[fh] if fh else self.find(path)
        del node.live[length:]
        node.live.extend(bytes(length - len(node.live)))

    def fsync(self, path, datasync, fh):
        self.open_files[fh].sync()

    fsyncdir = fsync

    def rename(self, old, new):
        (source, was), (target, name) = self.parent(old), self.parent(new)
        target.live[name] = source.live.pop(was)

    def unlink(self, path):
        folder, name = self.parent(path)
        folder.live.pop(name)

    def rmdir(self, path):
        if self.find(path).live:
            raise FuseOSError(errno.ENOTEMPTY)
        self.unlink(path)

    def utimens(self, path, times=None):
        self.find(path).changed = times[1] if times else time.time()

    def cut(self, node, path):
        if not node.folder:
            with open(path, "wb") as file:
                file.write(node.durable)
            return
        os.makedirs(path, exist_ok=True)
        for name, child in node.durable.items():
            self.cut(child, os.path.join(path, name))


FUSE(Disk(sys.argv[2]), sys.argv[1], foreground=True, big_writes=True)
