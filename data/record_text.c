/* How it works: what people would read is gathered into one text, with line ends between
 * messages: role names are left out, so that a prompt given as a string and the same as one
 * message of a user have the same words. What has no words of its own (a call, a number)
 * stands as JSON with its keys in order, for the hash must not depend on theirs. */
#include "data/record_text.h"

#include "base/mem.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

char *record_text_columns(const json_t *row)
{
    struct strbuf list = {0};
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)row, name, value)
    {
        if (list.n > 200)
            break;
        strbuf_print(&list, "%s%.40s", list.n ? ", " : "", name);
    }
    return list.text ? list.text : mem_text("none");
}

/* A string as it is; all else as JSON with its keys in order. */
static void put_value(struct strbuf *out, const json_t *value)
{
    const char *text = json_string_value(value);
    char *dump;

    if (text) {
        strbuf_put(out, text, json_string_length(value));
    } else if (value && !json_is_null(value)) {
        dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
        strbuf_put(out, dump ? dump : "", dump ? strlen(dump) : 0);
        free(dump);
    }
}

char *record_text_words(const json_t *value)
{
    struct strbuf out = {0};
    size_t i;
    json_t *item;

    strbuf_put(&out, "", 0);
    if (!json_is_array(value))
        put_value(&out, value);
    json_array_foreach(value, i, item)
    {
        if (i)
            strbuf_put(&out, "\n", 1);
        if (!json_is_object(item)) {
            put_value(&out, item);
            continue;
        }
        if (json_object_get(item, "tool") && !json_object_get(item, "role"))
            put_value(&out, item);
        put_value(&out, json_object_get(item, "content"));
        put_value(&out, json_object_get(item, "value"));
        put_value(&out, json_object_get(item, "tool_calls"));
    }
    return out.text;
}

struct hash record_text_hash(const json_t *value)
{
    char *words = record_text_words(value);
    size_t n = 0;
    struct hash hash;

    /* In place, for it only gets shorter: runs of blanks and the case of letters make no other
     * text. */
    for (const char *p = words; *p; p++) {
        const bool blank = strchr(" \t\r\n\f\v", *p) != NULL;
        if (blank && (!n || words[n - 1] == ' '))
            continue;
        words[n++] = blank ? ' ' : *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
    }
    while (n && words[n - 1] == ' ')
        n--;
    hash = hash_of(words, n);
    free(words);
    return hash;
}
