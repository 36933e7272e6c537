"""Chapter 16 · frames become a film: arranging clips, writing them as files, showing them in a page."""

from t2v_edu.film.arrange import Film, grid, strip, upscale
from t2v_edu.film.mux import read_film, write_film
from t2v_edu.film.show import show

__all__ = ["Film", "grid", "read_film", "show", "strip", "upscale", "write_film"]
