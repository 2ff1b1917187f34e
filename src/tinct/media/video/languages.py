"""Spell the languages of sound and subtitles as files do: by ISO 639, by the Macintosh's codes, or not at all."""

from __future__ import annotations

# Codes of two letters (ISO 639-1), and of three (ISO 639-2).
_LONG = {
    "ar": "ara", "bg": "bul", "ca": "cat", "cs": "ces", "da": "dan", "de": "deu", "el": "ell", "en": "eng",
    "es": "spa", "et": "est", "fa": "fas", "fi": "fin", "fo": "fao", "fr": "fra", "he": "heb", "hi": "hin",
    "hr": "hrv", "hu": "hun", "is": "isl", "it": "ita", "ja": "jpn", "ko": "kor", "lt": "lit", "lv": "lav",
    "nl": "nld", "no": "nor", "pa": "pan", "pl": "pol", "pt": "por", "ro": "ron", "ru": "rus", "sk": "slk",
    "sl": "slv", "sr": "srp", "sv": "swe", "th": "tha", "tr": "tur", "uk": "ukr", "vi": "vie", "zh": "zho",
}  # fmt: skip
# FFmpeg's codes for the languages of the Macintosh, the only ones that QuickTime files can name.
_QUICKTIME = (
    " alb amh ara arm asm aym aze baq bel ben bul bur cat ces chi dan dut dzo eng epo est fin fo fra geo ger "
    "gre grn guj heb hin hr hun ice ind iri ita jav jpn kan kas kaz khm kin kir kor kur lao lat lav lit mac "
    "mal mar may mlg mlt mol mon nep nor nya ori orm pa per pol por pus que ron run rus san sin slk slv snd "
    "som spa sr sve swa tam tat tel tgk tgl tha tib tir tuk tur uig ukr urd uzb vie wel yid "
)
# Languages that have another code there.
_OTHERWISE = {
    "bod": "tib", "cym": "wel", "cze": "ces", "deu": "ger", "ell": "gre", "eus": "baq", "fao": "fo ", "fas": "per",
    "fre": "fra", "gle": "iri", "hrv": "hr ", "hye": "arm", "isl": "ice", "kat": "geo", "mkd": "mac", "msa": "may",
    "mya": "bur", "nld": "dut", "nob": "nor", "pan": "pa ", "rum": "ron", "slo": "slk", "sqi": "alb", "srp": "sr ",
    "swe": "sve", "zho": "chi",
}  # fmt: skip
# Codes that are used nowhere else, and the usual ones.
_PLAIN = {"fo ": "fao", "hr ": "hrv", "iri": "gle", "pa ": "pan", "sr ": "srp", "sve": "swe"}


def spelled(language: str | None, muxer: str) -> str | None:
    """Return how a language is spelled in a file.

    Args:
        language: as another file says, such as `deu`; None if it does not say.
        muxer: FFmpeg's name of the file's format.

    Returns:
        None if the format has no code for it; `und`, undetermined, is always known.
    """
    if language is None or language == "und":
        return "und"
    plain = _PLAIN.get(language, language)
    if muxer not in ("mov", "mp4"):
        return plain
    long = _LONG.get(plain, plain)
    if muxer == "mp4":
        return long if len(long) == 3 and long.isascii() and long.isalpha() and long.islower() else None
    code = _OTHERWISE.get(long, long)
    return code if f" {code.strip()} " in _QUICKTIME else None
