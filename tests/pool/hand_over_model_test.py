"""The hand-over between workers as a model (hand_over.pml), in every interleaving, by spin; and that spin sees it broken."""

import pathlib
import re
import subprocess

import pytest

MODEL = pathlib.Path(__file__).with_name("hand_over.pml")


def errors_of(directory, **macros):
    """What spin finds in all states of the model: "errors: 0" and how many states there were."""
    defined = [f"-D{name}={value}" for name, value in macros.items()]
    subprocess.run(["spin", *defined, "-a", MODEL], cwd=directory, check=True, capture_output=True)
    subprocess.run(["gcc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=2048", "-o", "pan", "pan.c"], cwd=directory, check=True)
    said = subprocess.run(["./pan", "-m100000"], cwd=directory, check=True, capture_output=True, text=True).stdout
    assert "search not completed" not in said or "errors: 0" not in said, said
    return int(re.search(r"errors: (\d+)", said).group(1)), int(re.search(r"(\d+) states, stored", said).group(1))


@pytest.mark.parametrize("macros", [
    {"WORKERS": 2, "SEATS": 1, "BLOCKS": 1, "ROUNDS": 4},
    {"WORKERS": 2, "SEATS": 2, "BLOCKS": 2, "ROUNDS": 4},
    {"WORKERS": 3, "SEATS": 1, "BLOCKS": 1, "ROUNDS": 2},
], ids=str)
def test_h3_no_interleaving_loses_a_block_or_a_waiter(tmp_path, macros):
    errors, states = errors_of(tmp_path, **macros)
    assert errors == 0
    assert states > 50_000, "the model lets too little happen"


@pytest.mark.parametrize("broken", [1, 2, 3, 4])
def test_h3_the_model_sees_a_broken_hand_over(tmp_path, broken):
    assert errors_of(tmp_path, WORKERS=2, SEATS=2, BROKEN=broken)[0] > 0
