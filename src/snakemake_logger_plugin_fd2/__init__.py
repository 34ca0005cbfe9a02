"""Snakemake's plug-in for ``snakemake --logger fd2``: hands a run's events to `fd2.watch.view`.

The Snakefile gives the view, made of its own config; until then, and for a workflow that gives
none, messages are written as Snakemake words them.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from fd2.watch.view import RunView

#: What the view tells by itself, or nobody asks for; Snakemake's own log, below .snakemake/log, has
#: all of it.
_EVENTS = frozenset(
    {
        *(LogEvent.RUN_INFO, LogEvent.WORKFLOW_STARTED, LogEvent.RESOURCES_INFO),
        *(LogEvent.JOB_INFO, LogEvent.GROUP_INFO, LogEvent.SHELLCMD, LogEvent.PROGRESS),
        *(LogEvent.RULEGRAPH, LogEvent.DEBUG_DAG),
    }
)
_CHATTER = (
    *("Building DAG of jobs", "Using shell: ", "Select jobs to execute", "host: "),
    *("Assuming unrestricted shared filesystem", "Conda environments: ignored"),
    *("Singularity containers: ignored", "Group jobs: inactive", "Using workflow specific profile"),
    *("Complete log(s): ", "Elapsed time: ", "Shutting down, this might take some time"),
)
_NOTHING = "Nothing to be done"
#: Of a job's failure, which is told with the job.
_FAILURES = ("RuleException", "CalledProcessError", "SpawnedJobError")
_FAILED = ("Exiting because a job execution failed", "At least one job did not complete")


class LogHandler(LogHandlerBase):
    """Writes to the terminal in place of Snakemake's own handler."""

    view: RunView | None
    stream: TextIO

    def __post_init__(self) -> None:
        """Nothing is known of the workflow yet."""
        self.view = None
        self.stream = sys.stdout if self.common_settings.stdout else sys.stderr

    @property
    def follows(self) -> bool:
        """Whether a view is wanted: a dry run is told in Snakemake's words."""
        return not self.common_settings.dryrun

    @property
    def writes_to_stream(self) -> bool:
        """Yes."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """No."""
        return False

    @property
    def has_filter(self) -> bool:
        """Yes: ``--quiet`` would hide what the view counts."""
        return True

    @property
    def has_formatter(self) -> bool:
        """No: Snakemake's own words what the view does not."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """No."""
        return False

    def emit(self, record: logging.LogRecord) -> None:
        """Take one event; called in a thread of its own, one after another."""
        try:
            self._take(record)
        except Exception:  # noqa: BLE001  a fault here must not silence the rest of the run
            self.handleError(record)

    def close(self) -> None:
        """After the last event."""
        if self.view is not None:
            self.view.end()
            self.view = None
        super().close()

    def _take(self, record: logging.LogRecord) -> None:
        view, facts = self.view, record.__dict__
        event = facts.get("event")
        message = str(record.msg)
        if not self.follows or record.levelno < logging.INFO:
            self._write(self.format(record))
        elif view is None:
            if event not in _EVENTS and not message.startswith(_CHATTER):
                self._write(self.format(record))
        elif event == LogEvent.JOB_STARTED:
            view.started(facts["jobs"])
        elif event == LogEvent.JOB_FINISHED:
            view.finished(facts["job_id"])
        elif event == LogEvent.JOB_ERROR:
            view.broke(facts["jobid"], [str(log) for log in facts["log"]])
        elif event == LogEvent.ERROR and facts.get("exception") in _FAILURES:
            return
        elif message.startswith(_NOTHING):
            view.nothing_to_do()
        elif view.failed and any(words in message for words in _FAILED):
            return
        elif event not in _EVENTS and not message.startswith(_CHATTER):
            self._write(self.format(record))

    def _write(self, text: str | None) -> None:
        if text and text != "None":
            if self.view is not None:
                self.view.line(text)
            else:
                print(text, file=self.stream, flush=True)
