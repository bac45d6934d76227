"""The console of `make figures`: one line of progress in place of Snakemake's lines on each job.

`snakemake --logger implicitbias` uses it. The full log stays in `.snakemake/log`. On a terminal the
line is written over; elsewhere a line is written every half a minute.
"""

from __future__ import annotations

import logging
import shutil
import sys
import time
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from implicitbias.plan import invocation
from implicitbias.plan.forecast import Forecast, spoken

QUIET_S = 30.0  # between two lines where they cannot be written over
SHOWN = ("Nothing to be done", "Complete log")


class LogHandler(LogHandlerBase):
    """Write progress, failures, warnings, and at the end where the report is."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Start without jobs."""
        self.stream = sys.stdout if self.common_settings.stdout else sys.stderr
        self.forecast: Forecast | None = None
        self.spoke = float("-inf")
        self.open_line = False

    def emit(self, record: logging.LogRecord) -> None:
        """Handle what Snakemake says; an error here never stops the workflow."""
        try:
            self._handle(record, getattr(record, "event", None))
        except Exception:
            self.handleError(record)

    def _handle(self, record: logging.LogRecord, event: Any) -> None:
        said: Any = record
        if event == LogEvent.RUN_INFO and not self.common_settings.dryrun:
            counts = {rule: n for rule, n in said.stats.items() if rule != "total"}
            current = invocation.CURRENT
            planned = current.planned_seconds() if current else {}
            self.forecast = Forecast(counts, planned, time.monotonic())
        elif event == LogEvent.JOB_INFO and self.forecast:
            values = dict(said.wildcards or {})
            name = " ".join([said.rule_name, "/".join(values.values())]).strip()
            pack = values.get("pack") if said.rule_name == "train" else None
            self.forecast.start(said.jobid, name, pack, time.monotonic())
        elif event == LogEvent.JOB_FINISHED and self.forecast:
            self.forecast.finish(said.job_id)
        elif event == LogEvent.JOB_ERROR:
            name = self.forecast.stop(said.jobid) if self.forecast else said.rule_name
            self._line(f"failed: {name}; log: {', '.join(said.log or []) or 'none'}")
        elif event == LogEvent.PROGRESS and self.forecast:
            self._progress()
        elif self._worth_saying(record, event):
            text = self.format(record).rstrip("\n")
            if "CalledProcessError" not in text:  # the command of a job; JOB_ERROR names the job
                self._line(text)

    def _worth_saying(self, record: logging.LogRecord, event: Any) -> bool:
        if event is None or event == LogEvent.ERROR or self.common_settings.dryrun:
            heard = self.common_settings.dryrun or str(record.msg).startswith(SHOWN)
            return record.levelno >= logging.WARNING or (heard and record.levelno >= logging.INFO)
        return False

    def _progress(self) -> None:
        forecast, now, terminal = self.forecast, time.monotonic(), self.stream.isatty()
        assert forecast is not None
        over = forecast.finished == forecast.jobs
        if not (terminal or over) and now - self.spoke < QUIET_S:
            return
        self.spoke = now
        left = forecast.remaining(now)
        parts = [f"{forecast.finished} of {forecast.jobs} jobs", spoken(now - forecast.began)]
        if not over:
            parts += [f"about {spoken(left)} left"] if left is not None else []
            parts += [name for name, _, _ in forecast.running.values()][:2]
        text = ", ".join(parts)
        if terminal:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write(f"\r{text[:width]:<{width}}")
            self.open_line = True
        else:
            self.stream.write(text + "\n")
        self.stream.flush()

    def _line(self, text: str) -> None:
        self.stream.write(("\n" if self.open_line else "") + text + "\n")
        self.open_line = False
        self.stream.flush()

    def close(self) -> None:
        """Say where the report is, if the workflow has made it."""
        current, forecast = invocation.CURRENT, self.forecast
        if current and forecast and forecast.finished == forecast.jobs:
            if (report := current.standing.report).exists():
                self._line(f"The report: {report}")
        elif self.open_line:
            self._line("")
        self.forecast = None
        super().close()
