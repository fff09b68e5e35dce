"""The project's own checks find what they are for."""

from __future__ import annotations

import ast

import pytest

from tests.check_project import architecture, cycles, template_layers, template_text


@pytest.mark.parametrize(
    "source",
    [
        "<p>Words</p>",
        '<a title="Words">{{ x }}</a>',
        "{{ x|default:'No name' }}",
        '{% include "a.html" with label="Two words" %}',
        "{% if a %}words{% endif %}",
    ],
)
def test_text_outside_of_translation_tags_is_found(source: str) -> None:
    assert list(template_text.untranslated(source))


@pytest.mark.parametrize(
    "source",
    [
        "<p>{% translate 'Words' %} · 5 % UTC</p>",
        '<a title="{% translate "Words" %}" class="two words">{{ x }}</a>',
        '{% include "a.html" with label=_("Two words") kind="name" %}',
        "{% blocktranslate %}Words{% plural %}More words{% endblocktranslate %}",
        '{% if status == "Failed" %}{{ at|date:"Y-m-d H:i" }}{% endif %}',
        '{% if a %}required {% endif %}aria-describedby="{{ id }}-help"',
        "<script>const words = 1</script><code>manage.py serve</code>",
    ],
)
def test_translated_text_names_and_code_are_accepted(source: str) -> None:
    assert not list(template_text.untranslated(source))


def test_an_import_cycle_is_found_and_types_alone_make_none() -> None:
    modules = ("a.b", "a.c")
    inside = "def f():\n    from a import c"
    typing_only = "if TYPE_CHECKING:\n    from a.c import C\nelse:\n    import a.b"
    assert set(cycles._imports(ast.parse(inside).body, modules)) == {"a.c"}
    assert set(cycles._imports(ast.parse(typing_only).body, modules)) == {"a.b"}
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": set[str]()}
    assert cycles._shortest_cycle(graph, "a") == ["a", "b", "c"]
    assert cycles._shortest_cycle(graph, "d") is None


def test_templates_that_apps_share_belong_to_common() -> None:
    uses = {
        "base.html": [("include", "_header.html")],
        "_header.html": [("load", "i18n")],
        "error.html": [("extends", "base.html")],
        "jobs/list.html": [("extends", "base.html"), ("load", "jobs")],
        "admin/reports/form.html": [("extends", "admin/change_form.html")],
    }
    assert template_layers._owners(uses) == {
        "base.html": "common",
        "_header.html": "common",
        "error.html": "reportserver",
        "jobs/list.html": "jobs",
        "admin/reports/form.html": "reports",
    }


def test_the_tree_of_a_document_is_read_with_several_folders_in_a_line() -> None:
    tree = "```\na/      words / and more\n  b/  c/   words\n  d/\n    e/f/  words\ng/  h/\n```"
    assert list(architecture.shown_folders(tree)) == ["a", "a/b", "a/c", "a/d", "a/d/e/f", "g", "h"]
