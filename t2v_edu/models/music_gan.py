"""Chapter 15 · music as a picture, pitch × time, and a GAN that is told its mood and its tempo.

Piano rolls made by convolutional GANs: Yang et al. 2017, arXiv:1703.10847 (MidiNet); Dong et al. 2018, arXiv:1709.06298
(MuseGAN). Notes are there or not: Dong & Yang 2018, arXiv:1804.09399 (binary neurons); the gradient through them: Bengio et
al. 2013, arXiv:1308.3432 (straight-through).
"""

MOODS = ("glad", "sad")  # major, minor
TEMPOS = ("slow", "fast")
PITCHES, STEPS = 36, 48
