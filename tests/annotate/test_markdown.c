/* Text of models as HTML: nothing of it acts, nothing of it is left out, and no text makes it slow. */
#include "tests/support/test.h"

#include "annotate/markdown.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *html(const char *text)
{
    return markdown_html(text, strlen(text));
}

static void has(const char *text, const char *words)
{
    char *out = html(text);

    if (!strstr(out, words))
        fail_msg("'%s' gives '%s', without '%s'", text, out, words);
    free(out);
}

static void lacks(const char *text, const char *words)
{
    char *out = html(text);

    if (strstr(out, words))
        fail_msg("'%s' gives '%s', with '%s'", text, out, words);
    free(out);
}

static void forms(void **state)
{
    (void)state;
    has("a *b* **c**", "<em>b</em> <strong>c</strong>");
    has("```c\nint x;\n```", "<pre><code class=\"language-c\">int x;");
    has("|a|b|\n|-|-|\n|1|2|", "<td>2</td>");
    has("~~x~~", "<del>x</del>");
    has("one\ntwo", "one<br />\ntwo");
    has("[w](https://a.example)", "<a href=\"https://a.example\">w</a>");
}

/* What would act is the text that it is. */
static void harmless(void **state)
{
    static const char *const texts[] = {
        "<script>alert(1)</script>",
        "a <script>alert(1)</script> b",
        "<img src=x onerror=alert(1)>",
        "<b onmouseover=alert(1)>x</b>",
        "<svg/onload=alert(1)>",
        "<iframe src=https://evil.example></iframe>",
        "<!-- --><script>alert(1)</script>",
        "```\n</code></pre><script>alert(1)</script>\n```",
        "| <script>x</script> | b |\n|-|-|\n| <img onerror=x> | <script> |",
        "```\"><script>alert(1)</script>\nx\n```",
        "[a](https://e.example/\"onmouseover=\"alert(1))",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        lacks(texts[i], "<script");
        lacks(texts[i], "<img");
        lacks(texts[i], "<svg");
        lacks(texts[i], "<iframe");
        lacks(texts[i], "<b ");
        lacks(texts[i], "omitted");
        lacks(texts[i], "\" onmouseover");
        lacks(texts[i], "\"onmouseover");
    }
    has(texts[0], "&lt;script&gt;alert(1)&lt;/script&gt;");
    has(texts[1], "&lt;script&gt;");
    has(texts[2], "onerror=alert(1)");
    lacks("[a](javascript:alert(1))", "javascript");
    lacks("[a](JaVaScRiPt:alert(1))", "lert(1)\"");
    lacks("[a](data:text/html;base64,x)", "data:");
    lacks("[a](vbscript:x)", "vbscript");
}

/* A picture is a link with its words: nothing is loaded by reading. */
static void pictures(void **state)
{
    (void)state;
    has("![cat](https://a.example/c.png)",
        "<a href=\"https://a.example/c.png\">picture: cat</a>");
    lacks("![a ![b](c) d](e)", "<img");
    lacks("[![x](y)](z)", "<img");
    lacks("![cat](javascript:alert(1))", "javascript");
}

static void bytes(void **state)
{
    char *out;

    (void)state;
    out = markdown_html("a\0b<", 4);
    assert_non_null(strstr(out, "&lt;"));
    free(out);
    has("\xff\xfe", "\xef\xbf\xbd"); /* U+FFFD */
    out = markdown_html("", 0);
    assert_string_equal(out, "");
    free(out);
}

/* Of this thread: what else the machine does is not the parser's. */
static int64_t processor_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double seconds(const char *piece, const char *middle, size_t bytes_wanted)
{
    const size_t n = strlen(piece), m = strlen(middle);
    char *text = mem_new(bytes_wanted + m + n + 1, 1), *out;
    size_t at = 0;
    int64_t begun;

    while (at + n <= bytes_wanted / 2)
        memcpy(text + at, piece, n), at += n;
    memcpy(text + at, middle, m), at += m;
    while (at + n <= bytes_wanted)
        memcpy(text + at, piece, n), at += n;
    begun = processor_ns();
    out = markdown_html(text, at);
    begun = processor_ns() - begun;
    assert_non_null(out);
    free(out);
    free(text);
    return (double)begun / 1e9;
}

/* The longest text that is parsed, full of what parsers are slow at. A second is far from what any
 * of them takes (some ten ms) and from what they took without the bounds (minutes). */
static void quick(void **state)
{
    static const char *const pieces[] = {
        "[",        "![",     "[a](", "[a](<b", "![l",       "*a_ ",       "**x [a*b**c ",
        "`",        "``x`",   "<!--", "<?",     "<![CDATA[", "</",         "> ",
        "- ",       "* a\n",  "1. ",  "|",      "|x|\n",     "a|b\n-|-\n", "~~a",
        "&",        "\\",     "[\\",  "_",      "a**b",      "x\n",        "=",
        "[a]: b\n", "[a][b]", "[^1]", "<a ",    "<a b=\"",   "\t",         "    x\n",
        "***",      "~",      "!",    "](",     "(((",       "\"",         "http://a.",
    };

    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        const double took = seconds(pieces[i], "", MARKDOWN_MOST - 64);

        if (took > 1)
            fail_msg("'%s' again and again takes %.2f s", pieces[i], took);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(harmless),
                                       cmocka_unit_test(pictures), cmocka_unit_test(bytes),
                                       cmocka_unit_test(quick)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
