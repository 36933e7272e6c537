"""Byte-pair encoding: a worked example, every text comes back, and the same merges as an independent implementation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.text.bpe import BytePairs, chunks, count_pairs, merge
from t2v_edu.text.corpora import world_sentences

TEXTS = [" ".join(words) for words in world_sentences(300, seed=1, lang="en")]


def test_a_worked_example():
    """ab×3 and abc×2: ab stands together 5 times, then (ab)c 2 times; of what is left nothing occurs twice."""
    pairs = BytePairs.train(["ab", "ab", "ab", "abc", "abc"], 10)
    a, b, c = b"abc"
    assert pairs.merges == ((a, b), (256, c))
    assert pairs.encode("abcab") == [257, 256]
    assert pairs.split("abx") == ["ab", "x"]


def test_merging_goes_from_the_left():
    assert merge([1, 1, 1], (1, 1), 9) == (9, 1)
    assert merge([1, 1, 1, 1], (1, 1), 9) == (9, 9)
    assert merge([2, 1, 2], (1, 2), 9) == (2, 9)
    assert count_pairs({(1, 2, 1): 3, (2, 1): 1}) == {(1, 2): 3, (2, 1): 4}


def test_the_same_merges_and_pieces_as_the_tokenizers_library():
    """That library works on characters, so each byte is handed over as the character of its number; words are kept apart by |."""
    tokenizers = pytest.importorskip("tokenizers", reason="it comes with transformers, a development tool")
    ours = BytePairs.train(TEXTS, 150)
    assert len(ours.merges) == 150
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Split("|", "removed")
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=256 + 150, initial_alphabet=[chr(i) for i in range(256)], show_progress=False, min_frequency=2)  # fmt: skip
    handed = ["|".join(chunk.encode().decode("latin-1") for chunk in chunks(text)) for text in TEXTS]
    theirs.train_from_iterator(handed, trainer)
    vocabulary = theirs.get_vocab()
    assert {piece.decode("latin-1"): i for i, piece in enumerate(ours.pieces)} == vocabulary
    for text in [*TEXTS[:50], "a redder octagon zooms unhurriedly", "café"]:
        parts = "|".join(chunk.encode().decode("latin-1") for chunk in chunks(text))
        assert ours.encode(text) == theirs.encode(parts).ids


@given(st.text(max_size=60))
def test_every_text_comes_back(text):
    pairs = BytePairs.train(TEXTS[:50], 40)
    assert "".join(chunks(text)) == text
    assert pairs.decode(pairs.encode(text)) == text


def test_frequent_words_become_one_piece_and_no_word_is_unknown():
    pairs = BytePairs.train(TEXTS, 300)
    assert len(pairs.encode(" circle")) == 1
    assert 1 < len(pairs.encode(" circus")) < len(" circus")
    assert len(BytePairs([]).encode("红")) == 3 and BytePairs([]).split("红") == ["<e7>", "<ba>", "<a2>"]
    assert pairs.encode("") == []


def test_saved_merges_make_the_same_pieces(tmp_path):
    pairs = BytePairs.train(TEXTS, 30)
    pairs.save(tmp_path / "merges.json")
    assert BytePairs.load(tmp_path / "merges.json").merges == pairs.merges


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"merge 0 joins \(97, 300\)"):
        BytePairs([(97, 300)])
    with pytest.raises(ValueError, match="piece 999 does not exist; they go from 0 to 255"):
        BytePairs([]).decode([97, 999])
    with pytest.raises(ValueError, match="0 different words"):
        BytePairs.train([], 5)
