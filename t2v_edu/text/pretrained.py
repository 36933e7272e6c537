"""Chapter 04 · a BERT as text encoder, by the interface of our own · Devlin et al. 2019, arXiv:1810.04805.

`transformers` is an extra (`pretrained`) and is imported when a model is loaded, not before. Weights are read from safetensors
only, and no code that comes with a model is ever run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from t2v_edu.text.encoders import TextCode, check_ids, mean_of_words

EXTRA = "pip install 't2v-edu[pretrained]'"


class PretrainedEncoder(nn.Module):
    """A model of `transformers` that reads a whole sentence: ids (B, L), mask (B, L) → TextCode of width `width`.

    Args:
        model: called with input_ids and attention_mask, answers with last_hidden_state (B, L, D).
        tokenizer: the one it was trained with.
        frozen: whether its weights stay as they are. Then no gradient is kept, and dropout stays off even in training.
        max_length: longer captions are cut.
    """

    def __init__(self, model: nn.Module, tokenizer: Any, *, frozen: bool = True, max_length: int = 64) -> None:
        super().__init__()
        self.model, self.tokenizer, self.frozen = model, tokenizer, frozen
        config: Any = model.config
        self.width: int = config.hidden_size
        self.vocabulary: int = config.vocab_size
        self.longest = int(getattr(config, "max_position_embeddings", None) or tokenizer.model_max_length)
        self.max_length = min(max_length, self.longest, tokenizer.model_max_length)
        self.model.requires_grad_(not frozen)
        self.train(not frozen)

    def train(self, mode: bool = True) -> PretrainedEncoder:
        """Training mode reaches the model only if it may learn."""
        super().train(mode)
        if self.frozen:
            self.model.eval()
        return self

    def encode(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Ids (B, L) int64 and mask (B, L) bool of B captions, with the tokens that the model wants at both ends.

        Raises:
            ValueError: no caption, or one without a single word.
        """
        if not captions:
            raise ValueError("there is no caption to encode; give at least one")
        rows = self.tokenizer(list(captions), padding=True, truncation=True, max_length=self.max_length, padding_side="right",
                              return_tensors="pt", return_special_tokens_mask=True)
        for caption, special in zip(captions, rows["special_tokens_mask"], strict=True):
            if special.all():
                raise ValueError(f"the caption {caption!r} has no words; describe what should be seen")
        return rows["input_ids"], rows["attention_mask"].bool()

    def forward(self, ids: Tensor, mask: Tensor) -> TextCode:
        """Encode ids (B, L) with mask (B, L); pooled is the mean over the tokens that the mask has."""
        check_ids(ids, mask, self.vocabulary)
        if ids.shape[1] > self.longest:
            raise ValueError(f"ids {tuple(ids.shape)}: this model reads at most {self.longest} tokens; cut the captions")
        with torch.no_grad() if self.frozen else nullcontext():
            states = self.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state  # (B, L, D)
        states = states * mask.unsqueeze(-1)  # zeros at padding
        return TextCode(states, mean_of_words(states, mask), mask)

    def save_pretrained(self, path: str | os.PathLike[str]) -> None:
        """Write model (safetensors) and tokenizer into a folder that `from_pretrained` reads without a network."""
        Path(path).mkdir(parents=True, exist_ok=True)
        model: Any = self.model
        model.save_pretrained(path)
        self.tokenizer.save_pretrained(path)

    @classmethod
    def from_pretrained(cls, path_or_name: str | os.PathLike[str], *, frozen: bool = True, max_length: int = 64,
                        local_only: bool = False) -> PretrainedEncoder:
        """Load a BERT-like model and its tokenizer from a folder, or by name from the model hub.

        Args:
            path_or_name: a folder that `save_pretrained` wrote, or a name such as "bert-base-multilingual-cased".
            local_only: take only what is on this machine: a folder, or what an earlier call has fetched.
        Raises:
            ImportError: `transformers` is not installed.
            ValueError: there is no such model here and no network; no safetensors weights; weights of another model; a model that
                wants its own code run; one that has a decoder too; no tokenizer.
        """
        transformers = _transformers()
        name = os.fspath(path_or_name)
        safe: dict[str, Any] = {"trust_remote_code": False, "local_files_only": local_only or Path(name).is_dir()}
        try:
            model, report = transformers.AutoModel.from_pretrained(
                name, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **safe)
            tokenizer = transformers.AutoTokenizer.from_pretrained(name, **safe)
        except (OSError, ValueError, SafetensorError) as error:
            raise ValueError(_advice(name, error)) from error
        if tokenizer.pad_token is None:  # a GPT never padded: any word will do, since the mask hides it
            tokenizer.pad_token = tokenizer.eos_token
        _check(name, model, report, tokenizer)
        return cls(model, tokenizer, frozen=frozen, max_length=max_length)


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise ImportError(f"pretrained encoders need the package transformers, an extra of this one: {EXTRA}") from error
    return transformers


def _advice(name: str, error: Exception) -> str:
    """What went wrong, and what to do about it."""
    cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "custom code" in str(error):
        return (f"the model {name!r} wants code of its own to be run, and none is run here; choose one that is part of the "
                "package transformers, such as 'bert-base-multilingual-cased'")
    if Path(name).is_dir():
        return (f"the folder {name!r} holds no model that can be read: {cause} It needs config.json, model.safetensors (pickled "
                "weights are not read) and the tokenizer's files, as `save_pretrained` writes them")
    return (f"the model {name!r} cannot be had here: {cause} Where there is a network, run "
            f"PretrainedEncoder.from_pretrained({name!r}).save_pretrained('folder'); then bring that folder here and give its "
            "path. If there is a network: is the name right, and does the model have safetensors weights?")


def _check(name: str, model: Any, report: dict[str, Any], tokenizer: Any) -> None:
    """What `transformers` passes over in silence, or with a warning."""
    if getattr(model.config, "is_encoder_decoder", False) or not hasattr(model.config, "hidden_size"):
        raise ValueError(f"{name!r} is a {type(model).__name__}, which does not simply read a sentence; choose a model like BERT")
    missing = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))  # the pooler is not used here
    if missing or report["mismatched_keys"]:
        raise ValueError(f"{name!r} lacks {len(missing)} of its model's tensors ({', '.join(missing[:3])}, ...): they would be "
                         "random numbers; save it again from where it was trained")
    words = set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids)
    if not words or max(words) >= model.config.vocab_size:
        raise ValueError(f"{name!r} has no tokenizer of its own: {len(words)} words for {model.config.vocab_size} ids; "
                         "save the tokenizer into the same folder")
    if tokenizer.pad_token is None:
        raise ValueError(f"the tokenizer of {name!r} has neither a padding nor an end token to fill short captions with")
