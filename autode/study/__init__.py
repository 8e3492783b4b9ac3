"""A study ties search, execution and meters together: workflow file, journal, budget, lock, run loop."""

from autode.study.errors import UserError
from autode.study.session import Listener, Outcome
from autode.study.study import Study
from autode.study.workflow import Workflow, load_workflow

__all__ = ["Listener", "Outcome", "Study", "UserError", "Workflow", "load_workflow"]
