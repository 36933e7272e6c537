"""Pretrained encoders: a tiny random BERT saved to disk stands for the real ones; no network, no pickle, no code of others."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from t2v_edu.models.dual_encoder import DualEncoder, DualEncoderConfig
from t2v_edu.text.encoders import TextCode
from t2v_edu.text.pretrained import PretrainedEncoder

transformers = pytest.importorskip("transformers", reason="the extra `pretrained` is not installed")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "circle", "moves", "left", "##s", "红", "色", "的", "圆"]
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
         "max_position_embeddings": 12}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny BERT with random weights, and its tokenizer, as someone would have saved them."""
    path = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    config = transformers.BertConfig(vocab_size=len(WORDS), **SIZES)
    transformers.BertModel(config).save_pretrained(path)
    transformers.BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(path)
    return path


@pytest.fixture
def broken(folder, tmp_path):
    """A copy of it, to be spoilt."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def test_captions_in_both_languages_become_ids_with_the_models_own_ends(folder):
    ids, mask = PretrainedEncoder.from_pretrained(folder).encode(["a red circle", "红色的圆 moves lefts"])
    assert ids.tolist() == [[2, 5, 6, 7, 3, 0, 0, 0, 0], [2, 11, 12, 13, 14, 8, 9, 10, 3]]
    assert ids.dtype == torch.int64 and mask.dtype == torch.bool and torch.equal(mask, ids != 0)


def test_its_code_is_the_models_own_last_state_and_their_mean(folder):
    encoder = PretrainedEncoder.from_pretrained(folder)
    ids, mask = encoder.encode(["a red circle", "红色的圆"])
    code = encoder(ids, mask)
    model = transformers.BertModel.from_pretrained(folder).eval()
    with torch.no_grad():
        states = model(ids, attention_mask=mask.long()).last_hidden_state
    assert isinstance(code, TextCode) and encoder.width == 16
    torch.testing.assert_close(code.tokens[mask], states[mask])
    for i, row in enumerate(mask):
        torch.testing.assert_close(code.pooled[i], states[i][row].mean(0))
    assert not code.tokens[~mask].any()


@pytest.mark.parametrize("frozen", [True, False])
def test_padding_and_neighbours_change_nothing(folder, frozen):
    encoder = PretrainedEncoder.from_pretrained(folder, frozen=frozen).eval()
    together = encoder(*encoder.encode(["red", "a red circle moves left", "圆"]))
    for i, caption in enumerate(["red", "a red circle moves left", "圆"]):
        alone = encoder(*encoder.encode([caption]))
        torch.testing.assert_close(together.pooled[i], alone.pooled[0], atol=1e-6, rtol=0)
        torch.testing.assert_close(together.tokens[i, : alone.tokens.shape[1]], alone.tokens[0], atol=1e-6, rtol=0)


def test_frozen_nothing_moves_not_even_in_training(folder):
    encoder = PretrainedEncoder.from_pretrained(folder, frozen=True).train()
    ids, mask = encoder.encode(["a red circle moves left"])
    first, second = encoder(ids, mask), encoder(ids, mask)
    assert torch.equal(first.pooled, second.pooled)  # no dropout
    assert not first.pooled.requires_grad and not any(p.requires_grad for p in encoder.parameters())


def test_fine_tuned_it_drops_out_in_training_and_learns(folder):
    encoder = PretrainedEncoder.from_pretrained(folder, frozen=False)
    ids, mask = encoder.encode(["a red circle moves left"])
    assert not torch.equal(encoder(ids, mask).pooled, encoder(ids, mask).pooled)
    encoder.eval()
    assert torch.equal(encoder(ids, mask).pooled, encoder(ids, mask).pooled)
    before = {name: p.detach().clone() for name, p in encoder.model.named_parameters()}
    optimizer = torch.optim.SGD(encoder.parameters(), 0.1)
    encoder(ids, mask).pooled[:, 0].sum().backward()
    optimizer.step()
    still = [name for name, p in encoder.model.named_parameters() if torch.equal(p, before[name])]
    assert all(name.startswith("pooler") for name in still), still  # the part that is not used here


def test_it_takes_the_place_of_our_own_encoders(folder):
    encoder = PretrainedEncoder.from_pretrained(folder)
    model = DualEncoder(DualEncoderConfig(text=encoder.width, space=4, frames=1, size=8, width=2))
    assert model.embed_text(encoder(*encoder.encode(["红色的圆", "a red circle"]))).shape == (2, 4)


def test_a_gpt_which_has_no_padding_reads_padded_sentences_too(tmp_path):
    letters = [*"adehtr", "Ġ", "<|endoftext|>"]
    ends = dict.fromkeys(("bos_token_id", "eos_token_id"), len(letters) - 1)
    config = transformers.GPT2Config(vocab_size=len(letters), n_embd=8, n_layer=1, n_head=2, n_positions=16, **ends)
    transformers.GPT2Model(config).save_pretrained(tmp_path)
    transformers.GPT2Tokenizer(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]).save_pretrained(tmp_path)
    encoder = PretrainedEncoder.from_pretrained(tmp_path)
    ids, mask = encoder.encode(["red", "a red heart"])
    assert mask.sum(1).tolist() == [3, 11] and ids[0, 3:].eq(len(letters) - 1).all()
    torch.testing.assert_close(encoder(ids, mask).pooled[0], encoder(*encoder.encode(["red"])).pooled[0], atol=1e-6, rtol=0)


def test_saved_again_it_is_the_same_and_in_no_pickle(folder, tmp_path):
    encoder = PretrainedEncoder.from_pretrained(folder)
    encoder.save_pretrained(tmp_path / "copy")
    again = PretrainedEncoder.from_pretrained(tmp_path / "copy")
    ids, mask = encoder.encode(["a red circle"])
    assert torch.equal(again.encode(["a red circle"])[0], ids)
    assert torch.equal(again(ids, mask).pooled, encoder(ids, mask).pooled)
    assert {file.suffix for file in (tmp_path / "copy").iterdir()} <= {".json", ".safetensors", ".txt"}


def test_half_precision_on_disk_is_read_as_what_the_rest_computes_in(broken):
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
    file = broken / "model.safetensors"
    save_file({k: v.bfloat16() for k, v in load_file(file).items()}, file, {"format": "pt"})
    encoder = PretrainedEncoder.from_pretrained(broken)
    assert encoder(*encoder.encode(["red"])).pooled.dtype == torch.float32


def test_long_captions_are_cut_and_longer_ids_refused(folder):
    encoder = PretrainedEncoder.from_pretrained(folder)
    ids, mask = encoder.encode(["red " * 40])
    assert ids.shape == (1, 12) and ids[0, -1] == 3 and encoder(ids, mask).tokens.shape == (1, 12, 16)
    assert PretrainedEncoder.from_pretrained(folder, max_length=5).encode(["red " * 40])[0].shape == (1, 5)
    with pytest.raises(ValueError, match=r"\(1, 13\): this model reads at most 12"):
        encoder(torch.full((1, 13), 6), torch.ones(1, 13, dtype=torch.bool))


@pytest.mark.parametrize("captions, told", [([], "no caption"), (["a red circle", ""], "'' has no words"), (["  "], "no words")])
def test_empty_captions_are_refused(folder, captions, told):
    with pytest.raises(ValueError, match=told):
        PretrainedEncoder.from_pretrained(folder).encode(captions)


@pytest.mark.parametrize("ids, mask, told", [
    (torch.ones(3, dtype=torch.int64), torch.ones(3, dtype=torch.bool), r"int64 \(3,\)"),
    (torch.ones(1, 3), torch.ones(1, 3, dtype=torch.bool), r"torch.float32 \(1, 3\)"),
    (torch.ones(1, 3, dtype=torch.int64), torch.ones(1, 3, dtype=torch.int64), r"bool mask \(1, 3\)"),
    (torch.ones(1, 3, dtype=torch.int64), torch.zeros(1, 3, dtype=torch.bool), "at least one word"),
    (torch.full((1, 3), 15), torch.ones(1, 3, dtype=torch.bool), "from 0 to 14"),
])  # fmt: skip
def test_wrong_ids_and_masks_are_refused(folder, ids, mask, told):
    with pytest.raises(ValueError, match=told):
        PretrainedEncoder.from_pretrained(folder)(ids, mask)


def test_a_name_that_is_not_on_this_machine_says_what_to_do():
    with pytest.raises(ValueError, match=r"'bert-base-chinese' cannot be had here: .*Where there is a network, run "
                                         r"PretrainedEncoder.from_pretrained\('bert-base-chinese'\).save_pretrained"):
        PretrainedEncoder.from_pretrained("bert-base-chinese", local_only=True)


def test_a_folder_that_is_not_there_says_so_too():
    with pytest.raises(ValueError, match="'no/such/folder' cannot be had here"):
        PretrainedEncoder.from_pretrained("no/such/folder", local_only=True)


def test_pickled_weights_are_not_read(broken):
    """The very weights, pickled: what `torch.save` writes runs code when it is loaded carelessly."""
    file = broken / "model.safetensors"
    torch.save(load_file(file), broken / "pytorch_model.bin")
    file.unlink()
    with pytest.raises(ValueError, match=r"no file named model.safetensors.*pickled weights are not read"):
        PretrainedEncoder.from_pretrained(broken)


def test_code_that_comes_with_a_model_is_not_run(broken):
    config = json.loads((broken / "config.json").read_text())
    config |= {"model_type": "theirs", "auto_map": {"AutoConfig": "theirs.Config", "AutoModel": "theirs.Model"}}
    (broken / "config.json").write_text(json.dumps(config))
    (broken / "theirs.py").write_text(f"open({str(broken / 'ran')!r}, 'w')")
    with pytest.raises(ValueError, match="wants code of its own to be run"):
        PretrainedEncoder.from_pretrained(broken)
    assert not (broken / "ran").exists()


def test_truncated_weights_are_named(broken):
    file = broken / "model.safetensors"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(ValueError, match="no model that can be read"):
        PretrainedEncoder.from_pretrained(broken)


def test_weights_that_are_missing_are_not_quietly_random(broken):
    file = broken / "model.safetensors"
    tensors = load_file(file)
    lost = next(name for name in tensors if "layer.1" in name)
    save_file({k: v for k, v in tensors.items() if k != lost}, file, {"format": "pt"})
    with pytest.raises(ValueError, match="lacks 1 of its model's tensors"):
        PretrainedEncoder.from_pretrained(broken)


def test_without_the_unused_pooler_it_loads(broken):
    """Weights saved from pretraining often lack it."""
    file = broken / "model.safetensors"
    save_file({k: v for k, v in load_file(file).items() if "pooler" not in k}, file, {"format": "pt"})
    assert PretrainedEncoder.from_pretrained(broken).width == 16


def test_a_missing_tokenizer_is_not_quietly_one_without_words(broken):
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (broken / name).unlink(missing_ok=True)
    with pytest.raises(ValueError, match=r"no tokenizer of its own: 0 words for 15 ids"):
        PretrainedEncoder.from_pretrained(broken)


def test_a_model_with_a_decoder_is_refused(tmp_path, folder):
    config = transformers.T5Config(vocab_size=20, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    transformers.T5Model(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(ValueError, match="is a T5Model, which does not simply read a sentence"):
        PretrainedEncoder.from_pretrained(tmp_path)


def test_without_transformers_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"pip install 't2v-edu\[pretrained\]'"):
        PretrainedEncoder.from_pretrained("bert-base-chinese")


def test_transformers_is_loaded_only_when_a_model_is():
    code = "import sys, t2v_edu.text.pretrained; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
