"""What is kept of a failed attempt: screenshot, logs, timeline. In Redis, so that any client and report can read it."""

from jobs.artefacts.store import Artefact, ArtefactStore, artefact_store, name_in_files

__all__ = ["Artefact", "ArtefactStore", "artefact_store", "name_in_files"]
