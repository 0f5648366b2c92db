"""Line breaks in a template are its layout: which white space reaches the page, and which not."""

import pytest
from django.template import Context, Template
from django.template.loader import get_template

from config.template_loader import joined

LAYOUTS = {
    "between tags": ("<ol>\n  <li>a</li>\n  <li>b</li>\n</ol>\n", "<ol><li>a</li><li>b</li></ol>"),
    "between words": ("<p>\n  one\n  two\n</p>", "<p>one two</p>"),
    "beside a variable": ("<p>\n  {{ a }}\n  and {{ b }}\n</p>", "<p>{{ a }} and {{ b }}</p>"),
    "beside a template tag": ("{% if a %}\n  one\n{% endif %}\ntwo", "{% if a %}one{% endif %}two"),
    "beside a comment": ("{# why #}\n<p>\n  a\n  {# why #}\n</p>", "{# why #}<p>a{# why #}</p>"),
    "a space on one line": ("<p>\n  a <b>b</b> {{ c }}\n</p>", "<p>a <b>b</b> {{ c }}</p>"),
    "a written space": ('a,{{ " " }}\n<b>b</b>\n{{ " " }}\nc', "a, <b>b</b> c"),
    "between attributes": ('<a\n  id="a"\n  href="b"\n>c</a>', '<a id="a" href="b">c</a>'),
    "in a tag, beside a template tag": (
        '<a\n  {% if a %}\n    id="a"\n  {% endif %}\n  href="b"\n>',
        '<a {% if a %} id="a" {% endif %} href="b">',
    ),
    "at the end of an empty element": ('<input\n  name="a"\n/>', '<input name="a"/>'),
    "in a value": ('<a class="\n  a\n  b\n">', '<a class="a b">'),
    "in a value, beside a template tag": (
        '<a href="\n  {% if a %}\n    {{ b }}\n  {% else %}\n    /c/\n  {% endif %}\n">',
        '<a href="{% if a %}{{ b }}{% else %}/c/{% endif %}">',
    ),
    "a value with quotes and angles": (
        '<a hx-vals=\'\n  {"a": "<b>",\n  "c": 1}\n\'>\n  d\n</a>',
        '<a hx-vals=\'{"a": "<b>", "c": 1}\'>d</a>',
    ),
    "quotes of a template tag in a value": (
        '<a title="{% if a == "b" %}\n  c\n{% endif %}"\n  id=\'d\'>',
        '<a title="{% if a == "b" %}c{% endif %}" id=\'d\'>',
    ),
    "angles and apostrophes of a text": ("it's\n5 > 4\nand 3 < 4", "it's 5 > 4 and 3 < 4"),
    "a text as it is written": (
        "<pre\n  id='a'>\n a\n\n  b\n</pre>\n",
        "<pre id='a'>\n a\n\n  b\n</pre>",
    ),
    "a field of text": ("<textarea>\n{{ a }}\n</textarea>", "<textarea>\n{{ a }}\n</textarea>"),
    "a long comment": (
        "{% comment %}\n<pre>\n{% endcomment %}\n<p>\n  a\n</p>",
        "{% comment %}\n<pre>\n{% endcomment %}<p>a</p>",
    ),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_a_line_break_is_layout_and_a_space_is_text(case):
    source, wanted = LAYOUTS[case]
    assert joined(source) == wanted


def test_what_is_on_one_line_comes_as_it_is_written():
    line = '<p class="a  b" >  {{ a }}  <b> c </b>  {% if d %}  e  {% endif %}</p >'
    assert joined(line) == line


def test_the_templates_of_this_site_are_joined_and_those_of_other_packages_are_not():
    ours = get_template("executions/web/_stamp.html").template.source
    assert "\n" not in ours
    assert "\n" in get_template("admin/change_list.html").template.source


def test_joined_lines_render_as_one_would_read_them():
    source = "<p>\n  {% for a in all %}\n    <b>{{ a }}</b>{{ ' ' }}\n  {% endfor %}\n</p>"
    assert Template(joined(source)).render(Context({"all": "xy"})) == "<p><b>x</b> <b>y</b> </p>"
