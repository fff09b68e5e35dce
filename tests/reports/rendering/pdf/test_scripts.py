"""PDF in every script: read back with pdftotext, and no glyph drawn that stands for a missing one."""

from __future__ import annotations

import io
import logging
import re
import shutil
import unicodedata
from types import SimpleNamespace

import pyarrow as pa
import pytest
from bidi import get_display
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from reports.rendering.pdf import bidi, fallback
from reports.rendering.pdf.fonts import MissingGlyphs, is_right_to_left, regular, wrap
from reports.rendering.pdf.shaping import shape
from tests.reports.rendering.arrow_types import render
from tests.reports.rendering.pdf_reader import needs_poppler, tool, words

_EMBEDDING = dict.fromkeys(range(0x202A, 0x202F))
TEXTS = {
    # Without لا, which is one glyph: poppler reads its two letters the wrong way round (other readers do not).
    "Arabic": "مرحبا بالعالم هذه كلمات عربية هنا",
    "Persian": "فارسی پچژگ",
    "Hebrew": "שלום עולם דוח",
    "Hebrew with points": "שָׁלוֹם",
    "Chinese": "中华人民共和国报告「第一」。",
    "Japanese": "日本語のレポート・カタカナとひらがな、漢字。",
    "Korean": "한국어 보고서 뷁",
    "Hindi": "हिन्दी में रिपोर्ट क्षत्रिय कि",
    "Bengali": "বাংলা প্রতিবেদন",
    "Tamil": "தமிழ் அறிக்கை",
    "Telugu": "తెలుగు నివేదిక శ్రీ",
    "Gujarati": "ગુજરાતી અહેવાલ",
    "Gurmukhi": "ਪੰਜਾਬੀ ਰਿਪੋਰਟ",
    "Kannada": "ಕನ್ನಡ ವರದಿ",
    "Malayalam": "മലയാളം റിപ്പോർട്ട്",
    "Oriya": "ଭାଷା",
    "Sinhala": "සිංහල වාර්තාව",
    "Khmer": "របាយការណ៍ ភាសាខ្មែរ",
    "Lao": "ພາສາລາວ ລາຍງານ",
    "Myanmar": "မြန်မာ အစီရင်ခံစာ",
    "Ethiopic": "ሰላም ለዓለም ሪፖርት",
    "Emoji": "😀 🎉 ✅ 🚀 👍 🇩🇪 ok",
    "Thai": "ภาษาไทย ที่นี่",
    "Vietnamese, decomposed": unicodedata.normalize("NFD", "Tiếng Việt"),
    "Georgian and Armenian": "საქართველო Հայաստան",
}


def read_back(text: str) -> str:
    """The one cell of a table as pdftotext reads it, without the marks that it puts around leftward text."""
    shown = tool("pdftotext", "-", "-", data=render("pdf", pa.record_batch({"v": [text]}))).translate(_EMBEDDING)
    lines = [line.strip() for line in shown.splitlines() if line.strip()]
    assert not any("no font" in line for line in lines)
    return lines[lines.index("V") + 1]


@needs_poppler
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_every_script_reads_back_in_logical_order(text: str) -> None:
    assert unicodedata.normalize("NFC", read_back(text)) == unicodedata.normalize("NFC", text)


@needs_poppler
@pytest.mark.parametrize("text", ["Order from שלום no. 17 (new)", "السعر 1,250.50 USD للوحدة", "דוח 2024 - סופי"])
def test_words_of_both_directions_stay_whole(text: str) -> None:
    """In which order a reader puts such words is its own guess: poppler takes the page's usual direction."""
    shown = read_back(text)
    assert all(word in shown for word in text.split())


@needs_poppler
def test_title_header_and_parameters_are_shaped_too() -> None:
    shown = words(render("pdf", pa.record_batch({"金额": [1], "المبلغ": [2]}))).translate(_EMBEDDING)
    assert "金额 المبلغ" in shown


@needs_poppler
def test_fonts_of_all_scripts_are_embedded_with_few_glyphs() -> None:
    data = render("pdf", pa.record_batch({"v": list(TEXTS.values())}))
    lines = tool("pdffonts", "-", data=data).splitlines()[2:]
    assert any("DroidSansFallback" in line for line in lines)
    assert all(re.search(r"yes yes yes", line) for line in lines)
    assert len(data) < 150_000


def test_arabic_letters_are_joined_and_run_from_right_to_left() -> None:
    apart, (run,) = shape("ع ع ع", bold=False), shape("ععع", bold=False).runs
    assert len({glyph.id for run in apart.runs for cluster in run.clusters for glyph in cluster.glyphs}) == 2
    joined = [glyph.id for cluster in run.clusters for glyph in cluster.glyphs]
    assert len(set(joined)) == 3
    assert "".join(cluster.text for cluster in shape("אבג", bold=False).runs[0].clusters) == "גבא"


def test_lines_keep_the_direction_of_their_paragraph() -> None:
    lines = wrap("שלום עולם latin words that alone would run to the right and so on", regular(), 8, 90)
    assert len(lines) > 2
    assert all(map(is_right_to_left, lines))
    assert not any(map(is_right_to_left, wrap("latin שלום first", regular(), 8, 60)))
    parts = ["".join(cluster.text for cluster in run.clusters) for run in shape("ab שלום cd", bold=False).runs]
    assert "".join(parts) == "ab םולש cd"


def test_chinese_breaks_between_characters_but_not_before_a_full_stop() -> None:
    lines = wrap("中文文本没有空格。" * 6, regular(), 8, 8 * 9 - 4)
    assert "".join(lines) == "中文文本没有空格。" * 6
    assert len(lines) > 5
    assert not any(line.startswith("。") for line in lines)


@needs_poppler
def test_a_character_without_a_font_is_shown_as_a_code_and_noted_on_every_page() -> None:
    shown = words(render("pdf", pa.record_batch({"v": ["a\U000f1234b", "\x07", "ok"]})))
    assert "a[U+F1234]b [U+0007] ok" in shown
    assert shown.count("2 characters are in no font of this server") == 2


def test_characters_without_a_font_are_logged() -> None:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logger = logging.getLogger("reports.rendering.pdf")
    logger.addHandler(handler)
    try:
        render("pdf", pa.record_batch({"v": ["fine"]}))
        render("pdf", pa.record_batch({"v": ["\U000f1234"]}))
    finally:
        logger.removeHandler(handler)
    (record,) = records
    assert "1 character is in no font of this server" in record.getMessage()


@needs_poppler
def test_invisible_characters_are_dropped() -> None:
    assert read_back("a\u200bb\u2060c\u00add") == "abcd"


def test_an_installed_font_draws_what_the_shipped_fonts_lack(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "fonts" / "thai"
    folder.mkdir(parents=True)
    shutil.copy(fallback.FONTS / "NotoSansThai-Regular.ttf", folder / "Some-Regular.ttf")
    (folder / "broken.ttf").write_bytes(b"no font")
    folders = (str(tmp_path / "missing"), str(tmp_path / "fonts"))
    monkeypatch.setattr(fallback, "_SHIPPED", ())
    monkeypatch.setattr(fallback, "_INSTALLED", fallback.InstalledFonts(folders))
    fallback.font_for.cache_clear()
    fallback._shipped.cache_clear()
    try:
        font = fallback.font_for("ก")
        assert font is not None
        assert font.name == "Some-Regular"
        assert fallback.font_for("中") is None
    finally:
        fallback.font_for.cache_clear()
        fallback._shipped.cache_clear()


@given(st.text(max_size=40))
def test_no_text_draws_the_glyph_for_missing_characters(text: str) -> None:
    for line in wrap(MissingGlyphs().replace_in(text), regular(), 8, 60):
        if not regular().draws(line):
            glyphs = [glyph for run in shape(line, bold=False).runs for part in run.clusters for glyph in part.glyphs]
            assert all(glyph.id for glyph in glyphs)


@given(st.text(st.characters(categories=["Lo", "Mn", "Nd", "Po", "Zs"]), max_size=60), st.floats(30, 300))
def test_wrapping_any_script_loses_only_spaces_at_breaks(text: str, width: float) -> None:
    shown = MissingGlyphs().replace_in(text)
    lines = wrap(shown, regular(), 8, width)
    kept = "".join(lines).translate({0x200E: None, 0x200F: None})
    assert kept.replace(" ", "") == shown.replace(" ", "").translate({0x200E: None, 0x200F: None})


def visual_order(line: str, *, mirrored: bool) -> str:
    """The characters from left to right by their levels; `mirrored`: with brackets as they are drawn."""
    characters = [SimpleNamespace(text=line[index], level=level) for index, level in bidi.levels(line)]
    mirror = str.maketrans("()[]", ")(][" if mirrored else "()[]")
    ordered = bidi.in_visual_order(characters)
    return "".join(each.text.translate(mirror) if each.level % 2 else each.text for each in ordered)


@pytest.mark.parametrize(
    ("line", "drawn"),
    [
        ("ab (\u05d0\u05d1) cd", "ab (\u05d1\u05d0) cd"),
        ("\u05d0 (b) \u05d1", "\u05d1 (b) \u05d0"),
        # Rule N0: a pair of brackets takes its direction as a whole, here that of the Arabic around it.
        ("\u0645\u0631 (\u05e9\u05dc)", "(\u05dc\u05e9) \u0631\u0645"),
        ("a[\u05d0](b)", "a[\u05d0](b)"),
        ("x \u2068\u05d0\u05d1 1\u2069 2", "x 1 \u05d1\u05d0 2"),
    ],
)
def test_brackets_and_isolates_follow_the_unicode_rules(line: str, drawn: str) -> None:
    assert visual_order(line, mirrored=True) == drawn


@given(st.text("ab\u05d0\u05d1\u0627\u0628 \u00a012\u0661\u0662+-$%,.:!()[]\u064b\u0300\u200e\u200f", max_size=14))
def test_the_visual_order_is_that_of_the_reference_implementation(line: str) -> None:
    line += "\u05d0"
    base = "R" if bidi.direction_mark(line) == bidi.RIGHT_TO_LEFT_MARK else "L"
    assert visual_order(line, mirrored=False) == get_display(line, base_dir=base)


def test_a_zero_width_non_joiner_keeps_persian_letters_apart() -> None:
    def glyphs(line: str) -> list[int]:
        return [glyph.id for run in shape(line, bold=False).runs for part in run.clusters for glyph in part.glyphs]

    assert glyphs("\u0645\u06cc\u200c\u062e") != glyphs("\u0645\u06cc\u062e")


def test_numbers_in_an_array_of_glyphs_are_separated() -> None:
    """`[28.3<0519>-28.3 97.7<051D>]`, not `-28.397.7`, which is no number."""
    data = render("pdf", pa.record_batch({"v": [TEXTS["Thai"], TEXTS["Hebrew with points"], TEXTS["Hindi"]]}))
    content = b"".join(page.get_contents().get_data() for page in PdfReader(io.BytesIO(data)).pages)
    assert b" TJ" in content
    assert not re.search(rb"\d\.\d+\.\d", content)
