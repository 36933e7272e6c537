"""Chapter 11 · the course's models once more, in Keras 3 on TensorFlow: the same numbers from the same weights.

Names, shapes and defaults are those of the PyTorch twins, except that pictures end in their channels here: (B, T, H, W, 3).
`weights.state` and `weights.load_state` carry weights over and back as NumPy arrays. Nothing here knows PyTorch, and nothing
elsewhere in the package imports this folder, so that TensorFlow is loaded only by who asks for it.
"""
