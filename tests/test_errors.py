"""What a user can mend is said in words; what is broken in the code keeps its traceback."""

import re

import pytest

from t2v_edu.errors import friendly


def test_a_mistake_of_the_user_is_said_without_a_traceback(capsys):
    @friendly
    def command(steps):
        raise ValueError(f"steps {steps}: use 1 or more")

    with pytest.raises(SystemExit) as stop:
        command(0)
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "steps 0: use 1 or more" in said and "Traceback" not in said


def test_a_file_that_cannot_be_opened_is_named(capsys, tmp_path):
    @friendly
    def command():
        (tmp_path / "no.txt").read_text()

    with pytest.raises(SystemExit):
        command()
    assert re.sub(r"[\s│]", "", str(tmp_path / "no.txt")) in re.sub(r"[\s│]", "", capsys.readouterr().err)


def test_a_fault_of_the_code_is_not_dressed_up():
    @friendly
    def command():
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        command()


@pytest.mark.parametrize("module", ("flow", "autoencoder"))
def test_the_training_commands_are_friendly(module, capsys, monkeypatch, tmp_path):
    import importlib

    command = importlib.import_module(f"t2v_edu.training.{module}")
    monkeypatch.setattr("sys.argv", [module, "--out", str(tmp_path / "run"), "--worlds", "mars"])
    with pytest.raises(SystemExit) as stop:
        command.main()
    assert stop.value.code == 2 and "unknown world 'mars'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
