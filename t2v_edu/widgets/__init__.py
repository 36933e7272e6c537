"""Widgets that teach: alive in JupyterLab through anywidget, and on the static site through one script of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from t2v_edu.widgets.bundle import site_css, site_script

if TYPE_CHECKING:
    from t2v_edu.widgets.attention_table import AttentionTable
    from t2v_edu.widgets.base import Widget
    from t2v_edu.widgets.block_matcher import BlockMatcher
    from t2v_edu.widgets.convolution_window import ConvolutionWindow
    from t2v_edu.widgets.drawing_board import DrawingBoard
    from t2v_edu.widgets.film_question import FilmQuestion
    from t2v_edu.widgets.flow_field import FlowField
    from t2v_edu.widgets.frame_scrubber import FrameScrubber
    from t2v_edu.widgets.gan_games import BellGame, DuelPortrait
    from t2v_edu.widgets.gates import Gates
    from t2v_edu.widgets.grading_desk import GradingDesk
    from t2v_edu.widgets.latent_walk import LatentWalk
    from t2v_edu.widgets.music_box import MusicBox
    from t2v_edu.widgets.next_word import NextWord
    from t2v_edu.widgets.round_trip import RoundTrip
    from t2v_edu.widgets.scene_builder import SceneBuilder
    from t2v_edu.widgets.skip_gram import SkipGramWindow
    from t2v_edu.widgets.ward import Ward

__all__ = [
    "AttentionTable", "BellGame", "BlockMatcher", "ConvolutionWindow", "DrawingBoard", "DuelPortrait", "FilmQuestion",
    "FlowField", "FrameScrubber", "Gates", "GradingDesk", "LatentWalk", "MusicBox", "NextWord", "RoundTrip", "SceneBuilder",
    "SkipGramWindow", "Ward", "Widget", "site_css", "site_script",
]  # fmt: skip

_HOME = {
    "BellGame": "gan_games",
    "DuelPortrait": "gan_games",
    "AttentionTable": "attention_table",
    "BlockMatcher": "block_matcher",
    "ConvolutionWindow": "convolution_window",
    "DrawingBoard": "drawing_board",
    "FilmQuestion": "film_question",
    "FlowField": "flow_field",
    "FrameScrubber": "frame_scrubber",
    "Gates": "gates",
    "GradingDesk": "grading_desk",
    "LatentWalk": "latent_walk",
    "MusicBox": "music_box",
    "NextWord": "next_word",
    "RoundTrip": "round_trip",
    "SceneBuilder": "scene_builder",
    "SkipGramWindow": "skip_gram",
    "Ward": "ward",
    "Widget": "base",
}


def __getattr__(name: str) -> Any:
    """The widget classes, loaded when first asked for: building the site needs no anywidget."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
