"""A caption's ids: the same on every machine and in every process, whatever the caption."""

import json
import os
import random
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.text.tokenizer import PAD, UNKNOWN, Tokenizer, jieba_with_tags, language_of, split_words

CAPTIONS = ["a large red circle moves left", "the digit 7 bounces up and down", "红色的圆向左飘", "一个小狗在草地上奔跑"]


def test_words_of_both_languages_and_digits_one_by_one():
    assert split_words("A large RED circle, moves left!") == ["a", "large", "red", "circle", "moves", "left"]
    assert split_words("the digits 42") == ["the", "digits", "4", "2"]
    assert split_words("the puppy's tail") == ["the", "puppy's", "tail"]
    words = split_words("红色的圆向左飘")
    assert "".join(words) == "红色的圆向左飘" and len(words) > 2 and "红色" in words
    assert split_words("a 圆 circle") == ["a", "圆", "circle"]
    assert split_words("🙂 … — !?") == []


def test_ids_by_hand():
    tokenizer = Tokenizer(["red", "circle", "a", "red"])
    assert tokenizer.words == (PAD, UNKNOWN, "a", "circle", "red") and len(tokenizer) == 5
    ids, mask = tokenizer.encode(["a red circle", "circle", "a blue circle"])
    assert ids.tolist() == [[2, 4, 3], [3, 0, 0], [2, 1, 3]] and ids.dtype == torch.int64
    assert mask.tolist() == [[True] * 3, [True, False, False], [True] * 3]


def test_the_vocabulary_does_not_depend_on_the_order_of_captions():
    shuffled = CAPTIONS * 3
    random.Random(1).shuffle(shuffled)
    assert Tokenizer.fit(shuffled).words == Tokenizer.fit(CAPTIONS).words
    assert list(Tokenizer.fit(CAPTIONS).words[2:]) == sorted(Tokenizer.fit(CAPTIONS).words[2:])


def test_saved_words_make_the_same_tokenizer():
    tokenizer = Tokenizer.fit(CAPTIONS)
    again = Tokenizer(json.loads(json.dumps(tokenizer.words)))
    assert again.words == tokenizer.words
    assert torch.equal(again.encode(CAPTIONS)[0], tokenizer.encode(CAPTIONS)[0])


def test_two_processes_with_other_hash_seeds_agree_and_jieba_says_nothing():
    program = (
        "import json; from t2v_edu.text.tokenizer import Tokenizer\n"
        f"t = Tokenizer.fit({CAPTIONS!r}); print(json.dumps([t.words, t.encode({CAPTIONS!r})[0].tolist()]))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                       env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "ignore"})
        for seed in ("1", "2")
    ]  # fmt: skip
    assert runs[0].stdout == runs[1].stdout and json.loads(runs[0].stdout)[0][0] == PAD
    assert runs[0].stderr == runs[1].stderr == ""


def test_english_captions_do_not_wait_for_jieba():
    program = "import sys; from t2v_edu.text.tokenizer import split_words as s; s('a red circle'); print('jieba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"


def test_unknown_words_name_their_nearest():
    tokenizer = Tokenizer.fit(CAPTIONS)
    assert tokenizer.unknown(CAPTIONS[0]) == {}
    unknown = tokenizer.unknown("a lrage red zebra")
    assert set(unknown) == {"lrage", "zebra"} and unknown["lrage"][0] == "large"


def test_a_chinese_word_of_known_pieces_is_taken_apart():
    """Where jieba draws another border than in training: 七朝 is 七 and 朝, and the longest known pieces come first."""
    tokenizer = Tokenizer(["七", "朝", "红色", "红", "色", "圆"])
    assert tokenizer.split("七朝") == ["七", "朝"]
    assert tokenizer.split("红色圆") == ["红色", "圆"]
    assert tokenizer.unknown("七朝") == {}
    assert list(tokenizer.unknown("七星")) == ["七星"]  # of a word with an unknown part nothing is kept
    assert list(tokenizer.unknown("ab")) == ["ab"]  # and no English word is spelt
    ids, _ = tokenizer.encode(["七朝"])
    assert ids.tolist() == tokenizer.encode(["七 朝"])[0].tolist()


def test_long_captions_are_cut_and_empty_ones_refused():
    tokenizer = Tokenizer(["a"], max_length=5)
    assert tokenizer.encode(["a " * 10_000])[0].shape == (1, 5)
    for empty in ("", "   ", "🙂", "!?"):
        with pytest.raises(ValueError, match="no words") as error:
            tokenizer.encode(["a", empty])
        assert repr(empty) in str(error.value)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_any_text_either_has_words_or_is_refused(captions):
    tokenizer = Tokenizer(["a", "red"])
    if all(split_words(c) for c in captions):
        ids, mask = tokenizer.encode(captions)
        assert ids.shape == mask.shape == (len(captions), mask.sum(1).max()) and torch.equal(mask, ids != 0)
    else:
        with pytest.raises(ValueError, match="no words"):
            tokenizer.encode(captions)


def test_the_language_of_a_sentence_or_an_error_that_quotes_it():
    known = {"a red circle": "en", "一个红色的圆": "zh", "a 圆 circle": "zh", "7": "en", "Привет, red!": "en"}
    for sentence, lang in known.items():
        assert language_of(sentence) == lang
    for strange in ("", "  ", "?!", "🙂", "Привет, мир", "أحمر", "ひらがな"):
        with pytest.raises(ValueError, match="no words of English or Chinese") as error:
            language_of(strange)
        assert repr(strange) in str(error.value)


def test_jieba_tags_the_words_that_it_finds():
    tagged = jieba_with_tags("一个年轻女孩在公园里散步 。")
    assert "".join(word for word, _ in tagged) == "一个年轻女孩在公园里散步。"
    assert dict(tagged)["女孩"] == "n" and dict(tagged)["年轻"] == "a"
