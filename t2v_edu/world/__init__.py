"""Chapter 01 · a small world whose films mean exactly what their captions say."""

from t2v_edu.world.captions import parse, say
from t2v_edu.world.oracle import read
from t2v_edu.world.render import render
from t2v_edu.world.scene import WORLDS, Actor, Scene, sample_scene

__all__ = ["WORLDS", "Actor", "Scene", "parse", "read", "render", "sample_scene", "say"]
