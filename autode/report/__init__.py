"""Reports: from an output folder to tables, figures and one page. Needs nothing that ran; pandas loads when called."""

from autode.report.study_data import StudyData, load
from autode.report.writer import write_report

__all__ = ["StudyData", "load", "write_report"]
