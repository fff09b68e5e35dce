"""A lake as a file system of Arrow: files are opened for reading, and only the ranges that are needed are fetched."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.fs as pafs

from reports.exceptions import RunError, SourceUnusable
from reports.sources.errors import run_error
from reports.sources.lake.store import Store, checked


class LakeFiles(pafs.FileSystemHandler):  # type: ignore[misc]
    """The files of one lake.

    `sizes` are known from a listing. Arrow turns an exception of Python into one of its own, so the first is kept as
    `fault`.
    """

    def __init__(self, store: Store, sizes: Mapping[str, int] | None = None) -> None:
        self.store = store
        self.sizes = dict(sizes or {})
        self.fault: RunError | None = None

    def filesystem(self) -> pafs.PyFileSystem:
        return pafs.PyFileSystem(self)

    def get_type_name(self) -> str:
        return "lake"

    def get_file_info(self, paths: list[str]) -> list[pafs.FileInfo]:
        return [pafs.FileInfo(path, pafs.FileType.File, size=self._size(path)) for path in paths]

    def open_input_file(self, path: str) -> pa.PythonFile:
        return pa.PythonFile(RangeFile(self, checked(path), self._size(path)), mode="r")

    def open_input_stream(self, path: str) -> pa.PythonFile:
        return self.open_input_file(path)

    def normalize_path(self, path: str) -> str:
        return path

    def read(self, path: str, start: int, end: int) -> bytes:
        """Return a part of a file. Raises OSError, whose reason is `fault`."""
        try:
            return self.store.read(path, start, end)
        except RunError as error:
            self.fault = self.fault or error
            raise OSError("The lake can't be read.") from None
        except FileNotFoundError:
            self.fault = self.fault or missing(path)
            raise OSError("A file of the lake is missing.") from None

    def _size(self, path: str) -> int:
        if path not in self.sizes:
            size = self.store.size(path)
            if size is None:
                self.fault = self.fault or missing(path)
                raise FileNotFoundError(path)
            self.sizes[path] = size
        return self.sizes[path]

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError("A lake is only read, file by file.")

    get_file_info_selector = create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _refuse
    delete_file = move = copy_file = open_output_stream = open_append_stream = _refuse


class RangeFile(io.RawIOBase):
    """A file of a lake. Each read fetches its range."""

    def __init__(self, files: LakeFiles, path: str, size: int) -> None:
        super().__init__()
        self._files, self._path, self._size, self._at = files, path, size, 0

    def size(self) -> int:
        return self._size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        end = self._size if size is None or size < 0 else min(self._size, self._at + size)
        data = self._files.read(self._path, self._at, end) if end > self._at else b""
        self._at += len(data)
        return data


def missing(path: str) -> RunError:
    name = path.rpartition("/")[2]
    return run_error(SourceUnusable, f"The file “{name}” of the data source does not exist any more.", path)
