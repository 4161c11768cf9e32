/* How it works: a text that is safe for HTML (of the filters escape and safe) is a text with a mark,
 * markupsafe's Markup. Nothing is escaped of itself in a chat template, so the mark is seen in
 * three places: what is put into a safe text is escaped, the result is safe, and repr says so.
 * Filters and methods that Python has from str alone (join, replace, title as filters) lose it. */
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"

#include <string.h>

static bool safe(struct value value)
{
    return value.kind == KIND_STRING && value.safe;
}

/* Only what a method has just made: the mark goes into the items of its list. */
struct value markup_kept(struct value value, struct value of)
{
    if (!safe(of))
        return value;
    if (value.kind == KIND_STRING)
        value.safe = true;
    if (value.kind == KIND_LIST || value.kind == KIND_TUPLE)
        for (size_t i = 0; i < value.as.list->n; i++)
            value.as.list->item[i] = markup_kept(value.as.list->item[i], of);
    return value;
}

struct value markup_escape(struct run *run, struct value value)
{
    static const char from[] = "&<>'\"";
    static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    struct text_writer writer = {.text = NULL};
    struct value out;

    if (safe(value))
        return value;
    out = print_string(run, value);
    for (size_t i = 0; i < out.as.string->n; i++) {
        const char c = out.as.string->text[i], *there = c ? strchr(from, c) : NULL;

        if (there)
            value_write(run->pool, &writer, to[there - from], strlen(to[there - from]));
        else
            value_write(run->pool, &writer, &c, 1);
    }
    out = value_written(run->pool, &writer);
    out.safe = true;
    return out;
}
