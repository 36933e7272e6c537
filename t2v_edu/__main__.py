"""`python -m t2v_edu` is `t2v-edu`."""

from t2v_edu.cli import app

app(prog_name="t2v-edu")
