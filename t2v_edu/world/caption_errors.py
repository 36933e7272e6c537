"""What is wrong with a caption, said in its own language together with what would do."""

from __future__ import annotations

from t2v_edu.world.lexicon import Language, index, name_of, with_articles
from t2v_edu.world.scene import ACTIONS, CAST, COLORS, KINDS, PLACES

EXAMPLE: dict[str, str] = {"en": "a large red circle moves left", "zh": "一个红色的大圆形向左移动"}

MESSAGES: dict[str, tuple[str, str]] = {
    "empty": (
        'the caption is empty; say who does what, for example "{example}"',
        "描述是空的；请说明谁在做什么，例如“{example}”",
    ),
    "long": (
        'the caption has {count} words and at most {limit} are read; one or two actors are enough, for example "{example}"',
        "描述有{count}个字，最多只能读{limit}个字；写一两个角色就够了，例如“{example}”",
    ),
    "unknown": (
        'unknown word "{word}"; the nearest known ones are: {nearest}',
        "不认识的词“{word}”；相近的词有：{nearest}",
    ),
    "stranger": (
        'unknown word "{word}", and none that is known is written like it; actors are: {nearest}',
        "不认识的词“{word}”；角色有：{nearest}",
    ),
    "foreign": (
        '"{word}" is not in this world; there is: {nearest}',
        "这个世界里没有“{word}”；可以用：{nearest}",
    ),
    "mixed": (
        'the caption mixes languages at "{word}"; write it in English or in Chinese, for example "{example}"',
        "描述里混用了两种语言（“{word}”）；请只用中文或只用英文，例如“{example}”",
    ),
    "no_actor": (
        'nobody is named in "{word}"; name an actor: {nearest}',
        "“{word}”里没有角色；请写出一个角色：{nearest}",
    ),
    "crowd": (
        "{count} actors are named ({word}), and a scene holds at most two; leave some out",
        "描述里有{count}个角色（{word}），一个场景最多两个；请去掉一些",
    ),
    "two": (
        'two values for the {slot} of one actor, "{first}" and "{second}"; keep one',
        "同一个角色有两种{slot}：“{first}”和“{second}”；请只留一个",
    ),
    "two_places": (
        'two places, "{first}" and "{second}"; keep one',
        "有两个地点：“{first}”和“{second}”；请只留一个",
    ),
    "action": (
        '"{word}" does not suit a {kind}; it can: {nearest}',
        "{kind}不会“{word}”；可以：{nearest}",
    ),
    "color": (
        "there is no {word} {kind}; its colours are: {nearest}",
        "没有{word}的{kind}；它的颜色可以是：{nearest}",
    ),
    "direction": (
        '"{word}" does not suit "{action}", which goes: {nearest}',
        "“{action}”没有“{word}”这个方向；可以用：{nearest}",
    ),
    "no_direction": (
        '"{action}" takes no direction; leave "{word}" out',
        "“{action}”没有方向；请去掉“{word}”",
    ),
    "no_speed": (
        '"{action}" takes no speed; leave "{word}" out',
        "“{action}”没有快慢；请去掉“{word}”",
    ),
    "speed": (
        '"{action}" does not go with "{word}"; leave it out or say "{nearest}"',
        "“{action}”不能说“{word}”；请去掉它，或者说“{nearest}”",
    ),
    "speed_only": (
        '"{action}" does not go with "{word}"; leave it out or choose: {nearest}',
        "“{action}”不能说“{word}”；请去掉它，或者用：{nearest}",
    ),
    "background": (
        "a background is one of: {nearest}",
        "背景只能是：{nearest}",
    ),
    "background_color": (
        '"{word}" is a colour of backgrounds only, which are: {nearest}; an actor is one of: {colors}',
        "“{word}”只能用于背景：{nearest}；角色的颜色可以是：{colors}",
    ),
    "symbol": (
        '"{word}" is no word; write words only, for example "{example}"',
        "“{word}”不是文字；请只写文字，例如“{example}”",
    ),
    "number": (
        '"{word}" is no digit; the digits are 0 to 9, for example "the digit 7 moves left"',
        "没有数字“{word}”；数字只有0到9，例如“数字7向左移动”",
    ),
    "count": (
        '"{word}" counts actors; name one or two, each for itself, such as "a circle to the left of a circle"; '
        'a digit is "the digit 2"',
        "“{word}”说的是个数；请把一个或两个角色分别写出来，例如“一个圆，它的右边有一个圆”；数字请写“数字2”",
    ),
    "mark": (
        '"{word}" does not suit a {kind}; leave it out',
        "“{word}”不适合{kind}；请去掉它",
    ),
    "clash": (
        "a {word} {kind} would not be seen {place}; choose another colour ({nearest}) or another place",
        "{word}的{kind}{place}看不清；请换一种颜色（{nearest}）或换一个地点",
    ),
    "relation": (
        "two actors are named ({word}) but not how they stand to each other; "
        'say "… to the left of …", "right of", "above" or "below"',
        "有两个角色（{word}），但没有说它们的位置关系；请说“……，它的右边有……”，或者左边、上方、下方",
    ),
    "lone_relation": (
        '"{word}" needs two actors and only one is named; name the other one or leave it out',
        "“{word}”需要两个角色，这里只有一个；请写出另一个角色，或者去掉它",
    ),
    "sides": (
        'two actors need two opposite sides, such as "on the left … on the right", not "{word}"',
        "两个角色要在相对的两边，例如“左边有……，右边有……”，而不是“{word}”",
    ),
}

SLOT_NAMES = {
    "kind": ("kind", "种类"),
    "color": ("colour", "颜色"),
    "size": ("size", "大小"),
    "action": ("action", "动作"),
    "direction": ("direction", "方向"),
    "speed": ("speed", "速度"),
    "relation": ("relation", "位置关系"),
}


class CaptionError(ValueError):
    """A caption that cannot be read.

    Attributes:
        reason: a key of `MESSAGES`.
        word: the word or words that are to blame, as they stand in the caption ("" if none is).
        nearest: what would do in their place, best first.
    """

    def __init__(self, reason: str, lang: Language, word: str = "", nearest: tuple[str, ...] = (), **fields: str | int) -> None:
        self.reason, self.lang, self.word, self.nearest = reason, lang, word, nearest
        joined = (", " if lang == "en" else "、").join(nearest)
        template = MESSAGES[reason][lang == "zh"]
        text = template.format(word=_shorten(word), nearest=joined, example=EXAMPLE[lang], **fields)
        super().__init__(with_articles(text) if lang == "en" else text)


def _shorten(word: str) -> str:
    return word if len(word) <= 40 else word[:40] + "…"


def names(lang: Language, slot: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """The canonical words of several values."""
    return tuple(name_of(lang, slot, value) for value in values)


def unknown(strange: list[str], lang: Language) -> CaptionError:
    """The error for tokens that are in no table: a word of the other language, a symbol, a number, or a word with its nearest.

    Where half of an English word would have to change to become a known one, nothing is near: then the actors are named.
    """
    word = "".join(strange)
    latin = " ".join(token for token in strange if token.isascii() and token.isalpha())
    if lang == "zh" and latin:
        return CaptionError("mixed", lang, latin)
    number = next((token for token in strange if token.isdecimal()), None)
    if number:
        return CaptionError("number", lang, number)
    if not any(token.isalpha() for token in strange):
        return CaptionError("symbol", lang, word)
    nearest = nearest_words(word, lang)
    if lang == "en" and edit_distance(word[:20], nearest[0]) > len(word) / 2 and word not in nearest[0].split(" "):
        return CaptionError("stranger", lang, word, actor_names(lang))
    return CaptionError("unknown", lang, word, nearest)


def foreign(word: str, sort: str, lang: Language) -> CaptionError:
    """The error for something that people ask for and the world does not have: it names what there is of its sort."""
    if sort == "count":
        return CaptionError("count", lang, word)
    if sort == "kind":
        return CaptionError("foreign", lang, word, actor_names(lang))
    has = {"color": COLORS, "action": tuple(ACTIONS), "place": PLACES}[sort]
    return CaptionError("foreign", lang, word, names(lang, sort, has))


def nearest_words(word: str, lang: Language, count: int = 3) -> tuple[str, ...]:
    """The known phrases nearest to `word`: those that hold it, then by edit distance.

    In Chinese those that share most of their characters come first, and where none shares any, the plain actions are named.
    """
    word = word[:20]
    known = content_phrases(lang)
    if lang == "zh" and not any(set(word) & set(phrase) for phrase in known):
        return names(lang, "action", tuple(ACTIONS))

    def far(phrase: str) -> tuple[float, float, str]:
        if lang == "en":
            return float(word not in phrase.split(" ")), edit_distance(word, phrase) - 0.5 * (word[:1] == phrase[:1]), phrase
        return -len(set(phrase) & set(word)) / len(set(phrase) | set(word)), edit_distance(word, phrase), phrase

    return tuple(sorted(known, key=far)[:count])


def content_phrases(lang: Language) -> list[str]:
    """The phrases that say something, without the articles and other function words."""
    empty = ("fill", "break", "foreign", "background", "mark")
    return [phrase for phrase, meaning in index(lang).phrases.items() if meaning[0][0] not in empty]


def edit_distance(a: str, b: str) -> int:
    """How many characters to insert, delete or replace to come from `a` to `b`. Source: Levenshtein 1966."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def actor_names(lang: Language) -> tuple[str, ...]:
    """What an actor can be, the digits as one."""
    figures = {"en": "the digits 0 to 9", "zh": "数字0到9"}[lang]
    kinds = tuple(kind for kind in KINDS if not kind.isdigit())
    return (*names(lang, "kind", kinds), figures)


def colors_that_show(kind: str, place: str, clashes: frozenset[tuple[str, str]], lang: Language) -> tuple[str, ...]:
    """The colours of a kind that show in a place."""
    return names(lang, "color", tuple(c for c in CAST[kind].colors if (c, place) not in clashes))


