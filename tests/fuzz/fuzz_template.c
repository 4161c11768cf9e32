/* fuzz_template: a template's text, over a small conversation; and one that the same bytes choose
 * from a grammar, for what was changed here and there is seldom a template any more. */

#include "base/strbuf.h"
#include "lm/text/template/jinja.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char variables[] =
    "{\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\","
    "\"content\":\" na\\u00efve "
    "\\ud83d\\ude00\\n\"},{\"role\":\"assistant\",\"content\":\"<think>a"
    "</think>b\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":[1,2.5,"
    "null,true]}}}]}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"s\":"
    "\"Hello World\",\"i\":7,\"f\":2.5,\"d\":{\"b\":2,\"a\":1},\"nums\":[3,1,2],"
    "\"add_generation_prompt\":true,\"bos_token\":\"<s>\"}";

/* '#' is an expression, '@' a body. The first of each list is what stands where the bytes or the
 * room have run out. */
static const char *const leaves[] = {
    "1",           "s",    "i",     "d",        "nums", "messages",
    "'\xc3\xa9<'", "-3",   "2.5",   "none",     "yes",  "'%s'",
    "loop",        "x",    "ns",    "range(3)", "m",    "q",
    "''",          "[]",   "{}",    "tools",    "mac",  "9e9",
    "'a'",         "true", "1e300", "()",       "i|e",  "undefined_name"};
static const char *const expressions[] = {"1",
                                          "# + #",
                                          "# ~ #",
                                          "(#)[#]",
                                          "(#)[#:#]",
                                          "(#)[::#]",
                                          "(#).items()",
                                          "#|join(#)",
                                          "(# if # else #)",
                                          "# in #",
                                          "# is sameas #",
                                          "(#)|sort",
                                          "(#)|tojson(indent=#)",
                                          "'%s %r %5d' % (#, #, #)",
                                          "[#, #]",
                                          "{#: #}",
                                          "(#, #)",
                                          "(#)|map('string')|list",
                                          "(#)|batch(#, #)|list",
                                          "(#).split(#)",
                                          "(#).replace(#, #, #)",
                                          "(#)|replace(#, #)",
                                          "(#)[-1]",
                                          "(#) * #",
                                          "(#) // #",
                                          "(#) % #",
                                          "(#) ** #",
                                          "not #",
                                          "# and #",
                                          "# or #",
                                          "# < #",
                                          "# == #",
                                          "# >= #",
                                          "(#).keys() - #",
                                          "(#).keys() <= (#).items()",
                                          "(#)|groupby(#)",
                                          "(#)|sum",
                                          "(#)|unique|list",
                                          "(#)|dictsort",
                                          "(#)|string",
                                          "(#)|title",
                                          "(#)|trim(#)",
                                          "(#)|indent(#, #)",
                                          "(#)|center(#)",
                                          "(#)|slice(#)|list",
                                          "(#)|select('odd')|list",
                                          "(#)|selectattr(#)|list",
                                          "(#)|map(attribute=#)|list",
                                          "(#).find(#)",
                                          "(#).count(#)",
                                          "(#)|int(#, #)",
                                          "(#)|float",
                                          "(#)|round(#, 'floor')",
                                          "(#)|default(#, true)",
                                          "(#)|first",
                                          "(#)|last",
                                          "(#)|reverse",
                                          "(#)|length",
                                          "mac(#, o=#)",
                                          "loop.cycle(#)",
                                          "dict(#, a=#)",
                                          "namespace(a=#)",
                                          "range(#, #, #)",
                                          "'{:>9} {0!r} {1[a]}'.format(#, #)",
                                          "(#)|format(#)",
                                          "strftime_now(#)",
                                          "(#).get(#, #)",
                                          "(#)|attr(#)",
                                          "(#)|items|list",
                                          "(#)|safe",
                                          "(#)|e",
                                          "caller(#)",
                                          "(#)|wordcount",
                                          "(#)|max(attribute=#)",
                                          "(#).partition(#)",
                                          "(#).strip(#)",
                                          "(#).startswith(#, #)",
                                          "(#).rsplit(#, #)",
                                          "(#).join(#)",
                                          "(#).real",
                                          "(#).index(#)",
                                          "(#)|list",
                                          "(#)|abs",
                                          "#|tojson",
                                          "-(#)",
                                          "# is in #",
                                          "(#) is divisibleby #",
                                          "(#).isdisjoint(#)",
                                          "*#",
                                          "(#)|capitalize",
                                          "loop.changed(#)",
                                          "loop.nextitem",
                                          "loop.length",
                                          "dict(**#)"};
static const char *const statements[] = {
    "{{ # }}",
    "{%- if # -%}@{% elif # %}@{% else %}@{% endif %}",
    "{% for x in # %}@{% endfor %}",
    "{% for x, y in # if # recursive %}@{{ loop(#) }}{% else %}@{% endfor %}",
    "{% for m in messages recursive %}@{{ loop(#) }}{% endfor %}",
    "{% set q = # %}",
    "{% set q|upper %}@{% endset %}",
    "{% set ns = namespace(a=#) %}",
    "{% set ns.a = # %}",
    "{% macro mac(p, o=#) %}@{{ p ~ o }}{{ varargs }}{% endmacro %}",
    "{% set q, x = # %}",
    "{% macro mac(p) %}@{{ caller(#) }}{{ kwargs }}{% endmacro %}",
    "{% call(a) mac(#) %}@{% endcall %}",
    "{% generation %}@{% endgeneration %}",
    "{% filter trim %}@{% endfilter %}",
    "{% with a = # %}@{% endwith %}",
    "{% for x in nums %}@{% break %}{% endfor %}",
    "{% for x in s %}@{% continue %}{% endfor %}",
    " \n",
    "\xc3\xa9  ",
    "{% raw %}{{ {% endraw %}"};

enum { DEEP = 7, LONG = 500 };
#define PICK(maker, list) (list)[pick(maker, sizeof(list) / sizeof *(list))]

struct maker {
    const uint8_t *byte;
    size_t n;
    struct strbuf out;
};

static size_t pick(struct maker *maker, size_t from)
{
    if (!maker->n)
        return 0;
    maker->n--;
    return *maker->byte++ % from;
}

static void write_form(struct maker *maker, const char *form, int depth)
{
    for (; *form; form++) {
        if (*form != '#' && *form != '@') {
            strbuf_put(&maker->out, form, 1);
            continue;
        }
        if (*form == '#')
            write_form(maker,
                       depth > DEEP || maker->out.n > LONG || pick(maker, 3) == 0
                           ? PICK(maker, leaves)
                           : PICK(maker, expressions),
                       depth + 1);
        for (size_t k = *form == '@' ? pick(maker, 3) : 0; k && depth < DEEP; k--)
            write_form(maker, PICK(maker, statements), depth + 1);
    }
}

static void through(const char *template, size_t n)
{
    const struct tm now = {.tm_year = 124, .tm_mday = 1};
    json_t *root = json_loads(variables, 0, NULL);
    struct jinja_text text;
    struct jinja *jinja;

    assert(root);
    if (!jinja_open(&jinja, template, n)) {
        (void)jinja_mentions(jinja, "tools");
        if (!jinja_run(jinja, root, &now, &text)) {
            assert(strlen(text.text) <= text.n);
            for (size_t i = 0; i < text.spans; i++)
                assert(text.span[2 * i] <= text.span[2 * i + 1]);
            jinja_text_free(&text);
        }
        jinja_free(jinja);
    } else {
        assert(!jinja);
    }
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct maker maker = {bytes, n, {.text = NULL}};

    through((const char *)bytes, n);
    do
        write_form(&maker, PICK(&maker, statements), 0);
    while (maker.n && maker.out.n < LONG);
    through(maker.out.text, maker.out.n);
    free(maker.out.text);
    return 0;
}
