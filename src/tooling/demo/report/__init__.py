"""The report of one run: a single HTML page that needs no network and no Spark, only plain data."""

from tooling.demo.report.model import AnswerRows, Check, Commit, Flow, Rejection, Report, Stream
from tooling.demo.report.page import render, write_report

__all__ = ["AnswerRows", "Check", "Commit", "Flow", "Rejection", "Report", "Stream", "render", "write_report"]
