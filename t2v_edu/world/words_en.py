"""Chapter 01 · the English words of the world.

Every table maps a value of the grammar to `said | reserved | understood`: words that `say` uses, words that it keeps for the
"unseen" wording, and words that only `parse` knows. A noun takes "a" unless it brings its own article; verbs are base forms.
"""

from __future__ import annotations

from t2v_edu.world.scene import DIGITS

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

KIND = {
    "circle": "circle, disc, round shape | ball, disk | round ball",
    "square": "square, box, four-sided shape | block, tile",
    "triangle": "triangle, three-sided shape | three-cornered shape",
    "star": "star, five-pointed star | star shape",
    "cross": "cross, plus sign | plus shape, plus symbol | plus",
    "heart": "heart, heart shape | love heart",
    "girl": "girl, young girl | lass, schoolgirl | kid, child",
    "puppy": "puppy, pup, young dog | doggy | dog",
    "cat": "cat, kitty | pussycat, feline | kitten",
    "tower": "the Eiffel Tower, the tower, the iron tower | the iron lattice tower | Eiffel, Tour Eiffel",
    # "one" alone is the article ("one red circle"), so the digit 1 needs its noun or its figure.
    **{
        d: f"the digit {d}, the number {word}, a handwritten {d}, a {d} | the numeral {d}, the figure {word}"
        f" | digit {word}, number {d}, handwritten {word}, numeral {word}, figure {d}" + ("" if d == "1" else f", {word}")
        for d, word in zip(DIGITS, NUMBERS, strict=True)
    },
}

COLOR = {
    "red": "red, crimson, scarlet | ruby, cherry-red",
    "orange": "orange, tangerine | apricot, pumpkin-orange",
    "yellow": "yellow, golden | lemon-yellow, canary-yellow | gold, lemon",
    "green": "green, emerald | jade, grass-green | lime",
    "blue": "blue, azure | sapphire, cobalt | navy",
    "purple": "purple, violet | plum-purple, lilac | plum",
    "white": "white, snow-white | chalk-white, pure white | snowy",
    "brown": "brown, chestnut | chocolate-brown, hazel | chocolate",
}

SIZE = {
    "small": "small, little, tiny | miniature, mini | small-sized, wee, short",
    "medium": "medium-sized, mid-sized | average-sized | medium, normal-sized, medium size",
    "large": "large, big, huge | giant, enormous | large-sized, tall",
}

ACTION = {
    "moves": "move, drift, glide, slide, travel | float, cruise | fly, shift",
    "bounces": "bounce | oscillate | rebound",
    "zigzags": "zigzag, weave, move in a zigzag | snake, meander | zig zag, go in a zigzag, move in zigzags",
    "circles": "circle, orbit, go around in a circle | revolve, loop | go in circles, move in circles, move in a circle, "
    "go in a circle, go around, go round in a circle, go round, travel in a circle, run in circles, circle around",
    "spins": "spin, rotate, turn | whirl, twirl | turn around, spin around, spin in place, pirouette",
    "grows": "grow, get bigger, become larger, swell | expand, enlarge | get larger, grow bigger, grow larger, "
    "become bigger, inflate",
    "shrinks": "shrink, get smaller, become smaller, dwindle | contract, diminish | grow smaller, become tiny, deflate",
    "walks": "walk, stroll | wander, saunter | take a walk, go for a walk, step",
    "runs": "run, jog | trot, scamper | run around, race",
    "jumps": "jump, hop, leap, jump up and down | bound, skip | hop up and down",
    "sits": "sit, rest | perch, sit still | sit down",
    "stands": "stand, stand tall | loom, stand still | rise tall",
}

# Verbs that say their direction or speed themselves: (action, direction, speed), None where the verb leaves it open.
FUSED: dict[tuple[str, str | None, str | None], str] = {
    ("moves", "up", None): "rise | ascend | climb",
    ("moves", "down", None): "sink, fall | descend | drop",
    ("moves", None, "fast"): "zoom | whoosh | dart",
    ("moves", None, "slow"): "creep | inch along | crawl",
    ("bounces", "vertical", None): "move up and down, go up and down | bob",
    ("bounces", "horizontal", None): "move back and forth, go from side to side | shuttle | "
    "move from side to side, sway, swing",
    ("walks", None, "slow"): "amble | plod",
    ("runs", None, "fast"): "sprint | dash",
}

# A plain verb of motion that another word may overrule ("moves in a circle", "goes up and down").
MOTION = "move, go, travel"
MANNER = {"zigzags": "in a zigzag, in zigzags, zigzag", "circles": "in a circle, in circles, around in a circle, "
"along a circle"}

DIRECTION = {
    "right": "to the right, right, rightward, rightwards | from left to right, toward the right | "
    "towards the right, toward right",
    "left": "to the left, left, leftward, leftwards | from right to left, toward the left | towards the left, toward left",
    "up": "up, upward, upwards | toward the top | towards the top, to the top",
    "down": "down, downward, downwards | toward the bottom | towards the bottom, to the bottom",
    "vertical": "up and down | vertically | down and up",
    "horizontal": "from side to side, left and right, back and forth | horizontally, sideways | side to side, "
    "to and fro, right and left",
    "clockwise": "clockwise | in a clockwise direction",
    "counterclockwise": "counterclockwise, anticlockwise | in a counterclockwise direction | counter clockwise, "
    "anti clockwise, "
    "in an anticlockwise direction",
}

SPEED = {
    "slow": "slowly, gently | unhurriedly, at a leisurely pace | slow, at a slow pace, at a slow speed",
    "normal": "steadily, at a steady pace | at a normal speed | at normal speed, at an even pace, normally",
    "fast": "quickly, fast, rapidly | swiftly, at high speed | at a fast pace, at a fast speed, speedily, quick, briskly",
}

PLACE = {
    "black": "on a black background, on black | against a black backdrop | black background, black backdrop, against black",
    "gray": "on a gray background, on gray | against a gray backdrop | gray background, grey background, "
    "on grey, gray backdrop, grey backdrop",
    "cream": "on a cream background, on cream | against a cream backdrop | cream background, cream backdrop, "
    "cream-colored background, "
    "cream-coloured background",
    "park": "in the park, in a park | at the park, amid the park trees | park",
    "grass": "on the grass, on the lawn | in the meadow, across the green grass | grass, lawn, meadow, "
    "green grass, on the green grass",
    "window": "by the window, beside the window, next to the window | near the window, at the windowsill | window, windowsill",
    "city": "in the city, in the city at night, in Paris | in town, downtown | city, night city, Paris, town, at night",
}

RELATION = {
    "left_of": "to the left of, left of | on the left side of | on the left of, at the left of",
    "right_of": "to the right of, right of | on the right side of | on the right of, at the right of",
    "above": "above | higher up than | on top of, over",
    "below": "below, under | beneath, underneath | lower than",
}
ITS = {  # where the second actor is, seen from the first
    "left_of": "to its left, on its left | on its left side",
    "right_of": "to its right, on its right | on its right side",
    "above": "above it | right above it | over it, on top of it",
    "below": "below it, under it | beneath it | underneath it",
}
SIDE = {
    "left_of": "on the left | on the left side | at the left, on the left hand side",
    "right_of": "on the right | on the right side | at the right, on the right hand side",
    "above": "at the top | in the upper half | on top",
    "below": "at the bottom | in the lower half",
}
SUBJECT = {"0": "former, first one, first", "1": "latter, second one, second"}
# Words that only suit some kinds, and say nothing more: a dress on the girl, handwriting on a digit.
MARK = {"dress": "dress, wearing, wears, dressed, clothes, skirt", "script": "digit, number, numeral, figure, handwritten"}
BACKGROUND = "black, gray, grey, cream, background, backdrop"

BREAKS = "a, an, the, one, and, while, with, but, as, there, whereas"
FILLERS = (
    "is, are, that, which, who, it, its, this, to, in, on, at, of, by, beside, next, near, from, along, through, across, "
    "we, see, you, can, watch, shows, showing, show, video, clip, film, movie, footage, scene, animation, then, "
    "for, side, direction, way, just, still, place, against, front, toward, towards, being, colored, coloured, "
    "color, colour, shape, sized"
)

# Things people ask for that the world does not have; the answer lists what it does have of that sort.
FOREIGN = {
    "color": "pink, cyan, magenta, turquoise, teal, silver, beige, maroon, indigo, rainbow, dark, light, bright",
    "kind": "boy, man, woman, person, people, bird, car, horse, fish, tree, house, dragon, pentagon, hexagon, "
    "rectangle, oval, diamond, "
    "moon, sun, animal, letter, line",
    "action": "dances, dancing, swims, swimming, sings, sleeps, sleeping, eats, eating, flips, vanishes, "
    "appears, explodes, plays, playing, "
    "drives, drinks, waves, laughs, shakes, rolls",
    "count": "both, several, many, some, few, pair, couple, squares, triangles, stars, hearts, digits, girls, puppies, cats",
    "place": "beach, forest, sea, ocean, river, room, kitchen, mountain, street, sky, space, moonlight, garden, "
    "school, home, london, snow",
}
