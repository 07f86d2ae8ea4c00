"""Where a bench works, and how that place is made quiet before a clock starts.

It refuses to know what is measured there.
"""

import os

import measure


class Place:
    """Where a bench works: the disk (cold caches, fio) or a memory file system (warm, memcpy)."""

    def __init__(self, name, folder, cold, settings):
        self.name, self.folder, self.cold, self.settings = name, folder, cold, settings
        self.least_cold = 0.0

    def sub(self, name):
        return os.path.join(self.folder, name)

    def settle(self, folder):
        """Before a clock starts: nothing is left to be written back, and reading starts cold on a disk."""
        os.sync()
        if self.cold:
            share = measure.make_cold(folder, self.settings.drop_caches)
            self.least_cold = max(self.least_cold, share or 0.0)

    def describe(self):
        return f"{self.name} ({measure.file_system(self.folder)})"

    def notes(self):
        if self.least_cold <= 0.01:
            return []
        return [f"the cache was not cold: up to {self.least_cold:.0%} of a contender's files were still in memory"]


def places(settings):
    chosen = [Place("disk", settings.dir, True, settings)] if settings.dir else []
    return chosen + ([Place("memory", settings.shm, False, settings)] if settings.shm else [])
