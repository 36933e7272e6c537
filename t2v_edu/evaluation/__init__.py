"""Chapter 17 · how good is a text-to-video model: what its films show against what their captions asked for."""

from t2v_edu.evaluation.attributes import Score, wilson
from t2v_edu.evaluation.report import Report, evaluate

__all__ = ["Report", "Score", "evaluate", "wilson"]
