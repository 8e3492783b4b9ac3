"""The page: one self-contained HTML file with inline style, script and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autode.report import quantities, sections, summary
from autode.report.carbon import Intensity, carbon_frame, carbon_table
from autode.report.efficiency import jobs_table
from autode.report.figures import FIGURES, above_zero, styled
from autode.report.importance import importance
from autode.report.study_data import StudyData
from autode.report.svg import inline_svg, save_figure
from autode.report.tables import TABLES, write_bytes, write_csv

_TEMPLATES = Path(__file__).parent / "templates"


def write_page(data: StudyData, folder: Path, intensity: Intensity | None = None) -> Path:
    """Draw the figures, write them below ``figures/`` and the page as report.html; return the page's path.

    With a carbon ``intensity``, the page has grams, and carbon.csv is written.
    """
    figures, missing = write_figures(data, folder / "figures")
    text = render("report.html", **page_facts(data, intensity), figures=figures, not_drawn=missing)
    write_bytes(folder / "report.html", text.encode())
    if intensity is not None:
        write_csv(carbon_frame(data, intensity), folder / "carbon.csv")
    return folder / "report.html"


def write_figures(data: StudyData, folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Write every figure that the study has data for; return what the page needs, and the headings of the others."""
    drawn: list[dict[str, Any]] = []
    missing: list[str] = []
    data = above_zero(data)
    for kind in FIGURES:
        with styled():
            drawing = kind.draw(data)
            if drawing is None:
                missing.append(kind.heading)
                for suffix in ("png", "svg"):
                    (folder / f"{kind.name}.{suffix}").unlink(missing_ok=True)
                continue
            text = save_figure(drawing.figure, folder / kind.name)
        svg = Markup(inline_svg(text, kind.name, f"{kind.heading}. {drawing.caption}", drawing.titles))
        facts = {"name": kind.name, "heading": kind.heading, "wide": kind.wide, "caption": drawing.caption}
        drawn.append({**facts, "svg": svg})
    return drawn, missing


def render(template: str, **facts: Any) -> str:
    """Fill a template; everything is escaped but what is marked as HTML already."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({name: getattr(quantities, name) for name in ("number", "figure", "duration", "clock")})
    style, script = (Markup((_TEMPLATES / name).read_text(encoding="utf-8")) for name in ("style.css", "table.js"))
    return environment.get_template(template).render(style=style, script=script, **facts)


def page_facts(data: StudyData, intensity: Intensity | None = None) -> dict[str, Any]:
    """Return everything the page says, apart from the figures."""
    best, answer = data.best(), summary.answer(data)
    missing, reason = summary.energy_missing(data)
    energy = summary.energy_lines(data.attempts)
    return {
        "data": data,
        "best": best,
        "winner": data.winner,
        "answer": answer,
        "answer_energy": None if answer is None else quantities.joules(answer["energy_j"], answer["energy_class"]),
        "searched": summary.what_was_searched(data),
        "states": summary.states_line(data),
        "wall_time": summary.wall_time(data),
        "configuration": summary.configuration(data, answer),
        "confirmations": summary.confirmation_rows(data),
        "confirmation_metrics": summary.confirmation_metrics(data),
        "energy": energy,
        "energy_missing": missing,
        "energy_reason": reason,
        "energy_parts": [(name, summary.energy_lines(part)) for name, part in sections.by_role(data.attempts)],
        "importance": importance(data),
        "tables": TABLES,
        "trials": sections.trials_table(data),
        "readings": sections.energy_table(data),
        "runs": sections.runs_table(data),
        "jobs": jobs_table(data),
        "carbon": None if intensity is None else carbon_table(carbon_frame(data, intensity)),
        "meters": sections.meters_table(data),
        "provenance": sections.provenance(data),
        "workflow": sections.workflow_text(data),
        "live": bool(len(data.program_runs)) and data.program_runs["state"].iloc[-1] == "running",
        "last_seen": data.program_runs["end"].iloc[-1] if len(data.program_runs) else None,
    }
