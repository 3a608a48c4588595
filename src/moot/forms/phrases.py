"""What people say when they have nothing more to say: farewells, thanks and praise, remarks on the talk, no words.

It must never take a farewell that is told of, quoted or asked about for one that is said.
"""

from __future__ import annotations

import re
from typing import Literal

from moot.forms.sameness import words

SHORT_TURN = 40
"""A turn of more words does something else besides parting."""

SHORT_SENTENCE = 16
"""A sentence of more words says something besides goodbye."""

ECHO_WORDS = 12
FEW_WORDS = 2
STAGED_WORDS = 4
FIRST_PICTURE = "\u2190"
"""The first of the arrows, with which the signs that are no punctuation begin."""

MOSTLY = 0.6
"""Share of a turn's sentences that thank, praise or speak of the talk, from which it does nothing else."""

_AROUND = " *_~->#¡¿\u2013\u2014"
_SENTENCE = re.compile(r"(?<=[.!?…。\uff01\uff1f])[\"'”\u2019)*\s]+|\n+")
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»|„[^“”]*[“”]|\u2018[^\u2019]*\u2019(?!\w)")
_STAGED = re.compile(r"\*[^*]+\*|_[^_]+_|\([^()]*\)|\[[^\[\]]*\]")
_BLANK = re.compile(r"[\s\u200b-\u200f\u2060\ufe0e\ufe0f\u3000]+")

_LEAD = (
    r"(?:(?:well|ok(?:ay)?|alright|all right|right|so|and|then|until then|for now|anyway|thanks?|thank you|oh"
    r"|yes|now"
    r"|once more|again|good|dear|my|very|a|fond|bien|merci|danke|gracias|ja|na|dann)[\s,!.\u2013\u2014-]+){0,4}"
)
_BYE = (
    r"good[\s-]?bye|bye(?:[\s-]bye)?|farewell|fare (?:you|thee) well|so long|take (?:good )?care|good ?night"
    r"|cheerio|ta-ta"
    r"|see (?:you|ya)(?: (?:all|both))?(?: (?:soon|later|again|around|then|there|next \w+|tomorrow|on \w+"
    r"|in \w+|at \w+))*"
    r"|(?:talk|speak|catch you|chat)(?: (?:to|with) you)? (?:soon|later|again)|until (?:next time|we meet again"
    r"|tomorrow)"
    r"|(?:i wish you|have|enjoy|you have) (?:a|an|the rest of)?\s?(?:very |really |truly |most )?"
    r"(?:great|good|nice|lovely|wonderful|fantastic|beautiful|pleasant|safe|peaceful|restful|your)?\s?"
    r"(?:rest of (?:the|your) )?(?:day|evening|night|one|weekend|week|time|afternoon|morning|trip|journey|rest)"
    r"|(?:sweet dreams|sleep well|all the best|best wishes|safe travels|keep in touch|signing off|peace out)"
    r"|au revoir|adieu|[àa] (?:bientôt|demain|plus(?: tard)?|la prochaine)|bonne (?:journ[ée]e|nuit|soir[ée]e"
    r"|chance|route)"
    r"|auf wiedersehen|auf wiederhören|tsch(?:ü|ue)ss(?:i)?|bis (?:bald|morgen|dann|später|zum n[äa]chsten mal"
    r"|die tage)"
    r"|mach'?s gut|gute nacht|sch[öo]ne[nrs]? (?:tag|abend|woche|wochenende|feierabend)(?: noch)?|leb(?:e|t)? wohl"
    r"|adi[óo]s|hasta (?:luego|pronto|mañana|la vista|la próxima)|nos vemos|chao|que te vaya bien|buenas noches"
    r"|cuídate"
    r"|arrivederci|ciao(?: ciao)?|a presto|a domani|buona (?:notte|giornata|serata)"
    r"|tchau|até (?:logo|breve|mais|amanhã|à próxima)|adeus|boa noite|do widzenia|na razie|pa pa|dobranoc"
    r"|tot ziens|doei|dag"
    r"|hej då|adjö|vi ses|ha det|näkemiin|hei hei|hoşça kal|görüşürüz|do svidaniya|sayonara|namaste"
    r"|до свидания|пока|до встречи|спокойной ночи"
    r"|さようなら|またね|また明日|おやすみ(?:なさい)?|再见|拜拜|晚安|안녕히 (?:가|계)세요|잘 가"
)
_TAIL = (
    r"(?:[\s,!.\u2013\u2014-]+(?:then|now|for now|all|everyone|friend|my (?:dear |good )?friends?|dear \w+"
    r"|and (?:good luck|thank(?:s| you)"
    r"(?: again)?)|too|as well|again|as always|until then|\w+))?"
)
_AFTER = (
    r"(?=\W*$|\s*[,.!…~:;\u2013\u2014-]|\s+(?:and|everyone|every one|all|my|dear|then|now|for now|until|till"
    r"|friends?|again|too|both|(?:to )?you"
    r"|of (?:your\w*|each|one|it)|with|at|on|noch|à|tous|amigos?)\b)"
)
_FAREWELL = re.compile(
    rf"^{_LEAD}(?:(?:{_BYE})\b{_AFTER}|(?:good ?bye|bye|farewell|good ?night|adieu|ciao) \w+\W*$)", re.IGNORECASE
)
_AT_END = re.compile(
    rf"(?:[,;:\u2013\u2014-]|\b(?:and|so|then|but))\s+(?:{_LEAD})(?:{_BYE}){_TAIL}[\s.!…*]*$", re.IGNORECASE
)
_CJK_BYE = re.compile(
    r"^(?:.{0,12}[\uff0c、,。\uff01!\s])?(?:さようなら|またね|また明日|おやすみ(?:なさい)?|再见|拜拜|晚安)[。\uff01!~\uff5e]*$"
)
_ECHO = re.compile(
    r"^(?:\W|\b(?:and|oh|aw|haha|no|yes|ok|okay|thanks?|thank you|so much|you|too|as well|same|to|likewise"
    r"|(?:you'?re|you are)"
    r"|(?:very|most) welcome|welcome|anytime|any time|my pleasure|the pleasure|was|is|all|mine|cheers|will do"
    r"|again|always"
    r"|of course|no problem|no worries|both|them|it|do|gladly|right back at you|ebenso|gleichfalls|dir auch"
    r"|danke|gern"
    r"|geschehen|merci|à toi|aussi|de rien|igualmente|gracias|a ti|de nada|grazie|anche a te|prego|friend|my"
    r"|dear)\b)+$",
    re.IGNORECASE,
)
_TALKED_OF = re.compile(
    r"\b(?:we|i) (?:have|'ve|both|all|just|already|seem to|keep|are|might|may|could|do|think)?\W*(?:have |be "
    r"|to be |both |all |"
    r"just |already |now |really |been )*(?:said|noted|agreed|agree|established|covered|going (?:a)?round"
    r"|go(?:ing)? in circles|"
    r"circling|repeat(?:ing)?|saying the same|thanking|coming back to the same|restating|echoing|talking past)\b"
    r"|\b(?:in|full) circles?\b|\brepeat(?:ing)? (?:ourselves|myself|itself|each other|yourself)\b"
    r"|\bsaid (?:everything|it all|all)\b"
    r"|\bnothing (?:more|left|else|further|new) (?:for (?:us|me) )?to (?:say|add|discuss)\b"
    r"|\b(?:this|our|the) (?:conversation|discussion|dialogue|exchange|talk|chat) (?:has|seems|feels|is|was|had"
    r"|truly|really|remains)\b"
    r"|\b(?:full|complete|total|perfect) (?:agreement|accord)\b|\bon the same page\b|\bas (?:we|you|i)(?:'ve"
    r"| have)? (?:both )?"
    r"(?:said|noted|mentioned|agreed|discussed)\b|\b(?:natural|fitting|good) (?:end|ending|conclusion|close"
    r"|place to (?:stop|end))\b",
    re.IGNORECASE,
)
_PRAISED = re.compile(
    r"\b(?:thank(?:s| you| yourself)|grateful|gratitude|appreciate|(?:it was|it's been|what|such) an? (?:real "
    r"|true |great |absolute )?"
    r"(?:pleasure|honou?r|joy|delight|privilege)|(?:beautifully|perfectly|wonderfully|so well"
    r"|eloquently) (?:said|put|expressed|captured"
    r"|summarized)|well (?:said|put|done)|couldn'?t agree more|(?:wholeheartedly|completely|totally|fully"
    r"|absolutely|entirely|deeply)"
    r" agree|agree (?:completely|wholeheartedly|entirely|with you (?:completely|entirely))|you(?:'re"
    r"| are) (?:so |absolutely |very |too |"
    r"completely |quite |most )?(?:right|kind|welcome|sweet|wise|generous|inspiring)|what an? (?:beautiful"
    r"|wonderful|lovely|great|"
    r"profound|amazing|delightful)|your (?:words?|message|insights?|thoughts?|sentence|wisdom|kindness"
    r"|kind words|passion|support)|(?:inspir"
    r"|enjoy)(?:e[ds]?|ing)\b|(?:so|very|truly|really) (?:glad|happy|honou?red|pleased|touched|moved|lucky)"
    r"|my pleasure|(?:pleasure|honou?r|joy) (?:is|was) (?:all )?mine|exactly|indeed|bless you"
    r"|absolutely)\b",
    re.IGNORECASE,
)


def is_parting(text: str) -> Literal["", "farewell", "echo"]:
    """Say whether a turn ends by a farewell, or is nothing but an echo of one ("You too!")."""
    spoken = _STAGED.sub(" ", _QUOTED.sub(" ", text))
    sentences = _sentences(spoken)
    if not sentences:
        return ""
    last = next((one for one in reversed(sentences) if words(one)), "")
    if _says_farewell(last):
        return "farewell"
    few = len(words(spoken)) <= SHORT_TURN
    if few and not last.endswith("?") and any(map(_says_farewell, sentences[-3:])):
        return "farewell"
    return "echo" if len(words(spoken)) <= ECHO_WORDS and all(map(_is_echo, sentences)) else ""


def is_plain_parting(text: str) -> Literal["", "farewell", "echo"]:
    """Say whether a turn is a parting and hardly anything else: short, without a quotation or a stage direction."""
    plain = len(words(text)) <= SHORT_TURN and not _QUOTED.search(text) and not _STAGED.search(text)
    return is_parting(text) if plain else ""


def is_wordless(text: str) -> bool:
    """Whether a turn has no words but for a stage direction of a few ("*silence*"), or fewer than it has pictures."""
    spoken = _STAGED.sub(lambda found: "" if len(words(found[0])) <= STAGED_WORDS else found[0], text)
    said = words(spoken)
    pictures = sum(not one.isalnum() and one >= FIRST_PICTURE for one in _BLANK.sub("", spoken))
    return not said or (len(said) <= FEW_WORDS and pictures > len(said))


def is_about_itself(text: str) -> bool:
    """Whether a turn only thanks, praises, agrees, or speaks of the talk itself."""
    sentences = [one for one in _sentences(text) if words(one)]
    if not sentences or any(one.endswith("?") for one in sentences):
        return False
    vain = sum(bool(_PRAISED.search(one) or _TALKED_OF.search(one) or _says_farewell(one)) for one in sentences)
    return vain >= MOSTLY * len(sentences)


def _sentences(text: str) -> list[str]:
    return [one.strip() for one in _SENTENCE.split(text.replace("\u2019", "'")) if one.strip()]


def _says_farewell(sentence: str) -> bool:
    if sentence.endswith("?") or len(words(sentence)) > SHORT_SENTENCE:
        return False
    bare = sentence.strip(_AROUND)
    return bool(_FAREWELL.search(bare) or _AT_END.search(bare) or _CJK_BYE.search(bare))


def _is_echo(sentence: str) -> bool:
    return not words(sentence) or bool(_ECHO.match(sentence))
