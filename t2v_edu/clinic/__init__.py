"""Chapter 11 · the clinic: programs that run and are wrong, the measurement, the mend, the test that would have caught it."""

from t2v_edu.clinic.cases import CASES, Case, Mend, listing, mend
from t2v_edu.clinic.measure import moved

__all__ = ["CASES", "Case", "Mend", "listing", "mend", "moved"]
