"""The critical-difference diagram: average ranks of strategies, with a bar over those that do not differ."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from autode.report.figures.style import INK, SERIES, WIDE, Drawing, new_figure
from autode.report.quantities import number

if TYPE_CHECKING:
    import pandas as pd

    from autode.report.statistics import Ranking


def draw_ranks(ranking: Ranking, quantity: str) -> Drawing:
    """Draw the ranks of strategies in one quantity (Demsar 2006); bars join those whose pairs do not differ.

    Parameters
    ----------
    ranking : Ranking
    quantity : str
        What was ranked, for the axis and the caption.
    """
    from scikit_posthocs import critical_difference_diagram

    names = list(ranking.ranks.index)
    figure, (ax,) = new_figure((WIDE[0], 1.2 + 0.28 * len(names)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of the library about itself
        critical_difference_diagram(
            ranking.ranks,
            _matrix(ranking),
            alpha=ranking.alpha,
            ax=ax,
            color_palette={name: SERIES[place % len(SERIES)] for place, name in enumerate(sorted(names))},
            label_props={"fontsize": 9},
            elbow_props={"linewidth": 1.0},
            crossbar_props={"color": INK, "linewidth": 2.5},
            marker_props={"s": 14},
        )
    ax.set_xlabel(f"average rank by {quantity}, 1 is best")
    ax.xaxis.set_label_position("top")
    ax.grid(False)
    overall = "" if ranking.p != ranking.p else f"; Friedman p = {number(ranking.p, 2)}"
    caption = (
        f"Average ranks by {quantity} over {ranking.blocks} blocks{overall}. A bar joins strategies of which no pair "
    )
    caption += f"differs (Wilcoxon signed-rank with Holm's correction, {ranking.alpha:g})."
    return Drawing(figure, caption)


def _matrix(ranking: Ranking) -> pd.DataFrame:
    """Return the adjusted p values as the square table that the library wants."""
    import pandas as pd

    names = list(ranking.ranks.index)
    table = pd.DataFrame(1.0, index=names, columns=names)
    for row in ranking.pairs.to_dict("records"):
        table.loc[row["a"], row["b"]] = table.loc[row["b"], row["a"]] = row["p_holm"]
    return table
