"""The reduction of drawings to harmless parts."""

from __future__ import annotations

from reports.rendering.charts.svg_sanitizer import sanitized

EVIL = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10" height="20"
  onload="alert(1)" style="background:url(https://example.com)">
<script>alert(1)</script><style>*{fill:url(https://example.com)}</style><foreignObject><b/></foreignObject>
<a xlink:href="javascript:alert(1)"><text>linked</text></a><image xlink:href="https://example.com/x.png"/>
<use href="#x"/><g fill="url(#gradient_0)" stroke="url(https://example.com/x)" clip-path="url(#clip0)"
  transform="translate(1,2)"><text onclick="alert(1)" fill="rgb(1, 2, 3)">a &lt;b&gt; &amp;</text></g></svg>"""


def test_only_shapes_and_text_of_a_drawing_are_kept():
    svg, width, height = sanitized(EVIL, str.upper)
    assert (width, height) == (10, 20)
    assert svg == (
        '<svg width="10" height="20" xmlns="http://www.w3.org/2000/svg">'
        '<g fill="url(#gradient_0)" clip-path="url(#clip0)" transform="translate(1,2)">'
        '<text fill="rgb(1, 2, 3)">A &lt;B&gt; &amp;</text></g></svg>'
    )
