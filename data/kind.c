#include "data/kind.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "data/dialogue.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *has[3];
} kinds[KINDS] = {
    [KIND_TEXT] = {"text", {"text"}},
    [KIND_MESSAGES] = {"messages", {"messages"}},
    [KIND_PROMPT] = {"prompt", {"prompt"}},
    [KIND_COMPLETION] = {"prompt-completion", {"prompt", "completion"}},
    [KIND_PREFERENCE] = {"preference", {"prompt", "chosen", "rejected"}},
    [KIND_IMPLICIT] = {"implicit", {"chosen", "rejected"}},
    [KIND_UNPAIRED] = {"unpaired", {"prompt", "completion", "label"}},
    [KIND_STEPWISE] = {"stepwise", {"prompt", "completions", "labels"}},
    [KIND_TOKENS] = {"tokens", {"input_ids"}},
};

/* The more columns a kind asks for, the earlier it is tried. */
static const enum kind tried[] = {KIND_STEPWISE, KIND_UNPAIRED,   KIND_PREFERENCE,
                                  KIND_IMPLICIT, KIND_COMPLETION, KIND_TOKENS,
                                  KIND_MESSAGES, KIND_PROMPT,     KIND_TEXT};

const char *kind_name(enum kind kind)
{
    return kinds[kind].name;
}

enum err kind_named(enum kind *out, const char *name)
{
    for (int i = 0; i < KINDS; i++)
        if (!strcmp(kinds[i].name, name)) {
            *out = (enum kind)i;
            return OK;
        }
    return err_set(ERR_RANGE,
                   "kind '%.40s': known are text, messages, prompt, prompt-completion, "
                   "preference, implicit, unpaired, stepwise, tokens",
                   name);
}

static bool has(const json_t *row, const char *name)
{
    const json_t *value = json_object_get(row, name);

    return value && !json_is_null(value);
}

char *kind_columns(const json_t *row)
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

enum err kind_of(enum kind *out, const json_t *row)
{
    char *columns;
    enum err err;

    for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
        const char *const *wanted = kinds[tried[i]].has;
        bool all = true;
        for (int k = 0; k < 3 && wanted[k]; k++)
            all = all && (has(row, wanted[k]) ||
                          (tried[i] == KIND_MESSAGES && has(row, "conversations")));
        if (!all)
            continue;
        *out = tried[i];
        if (*out == KIND_PREFERENCE && json_is_string(json_object_get(row, "prompt")) &&
            json_is_array(json_object_get(row, "chosen")) &&
            !dialogue_answers(json_object_get(row, "chosen")))
            *out = KIND_IMPLICIT; /* the prompt is a note beside whole dialogues */
        return OK;
    }
    columns = kind_columns(row);
    err = err_set(ERR_PARSE, "columns of no known kind: %s", columns);
    free(columns);
    return err;
}

/* Messages before the last one of the assistant. */
static json_t *before_last(const json_t *messages)
{
    size_t n = json_array_size(messages);
    json_t *out = json_array();

    while (n) {
        const json_t *last = json_array_get(messages, --n);
        const char *role = json_string_value(json_object_get(last, "role"));
        if (!role)
            role = json_string_value(json_object_get(last, "from"));
        if (role && (!strcmp(role, "assistant") || !strcmp(role, "gpt")))
            break;
    }
    for (size_t i = 0; i < n; i++)
        json_array_append(out, json_array_get(messages, i));
    return out;
}

enum err kind_prompt(json_t **out, const json_t *row, enum kind kind)
{
    json_t *chosen, *rejected;
    enum err err;

    *out = NULL;
    switch (kind) {
    case KIND_TEXT:
        *out = json_incref(json_object_get(row, "text"));
        return OK;
    case KIND_TOKENS:
        *out = json_incref(json_object_get(row, "input_ids"));
        return OK;
    case KIND_MESSAGES:
        *out = before_last(
            json_object_get(row, has(row, "messages") ? "messages" : "conversations"));
        return OK;
    case KIND_IMPLICIT:
        chosen = json_deep_copy(json_object_get(row, "chosen"));
        rejected = json_deep_copy(json_object_get(row, "rejected"));
        err = json_is_string(chosen) == json_is_string(rejected)
                  ? dialogue_split(out, &chosen, &rejected)
                  : err_set(ERR_PARSE, "'chosen' and 'rejected': one is a string");
        json_decref(chosen);
        json_decref(rejected);
        return err;
    case KIND_PREFERENCE:
    case KIND_COMPLETION:
    case KIND_UNPAIRED:
        *out = dialogue_asked(
            json_object_get(row, "prompt"),
            json_object_get(row, kind == KIND_PREFERENCE ? "chosen" : "completion"));
        return OK;
    default:
        *out = json_incref(json_object_get(row, "prompt"));
        return OK;
    }
}

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

char *kind_words(const json_t *value)
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

struct hash kind_hash(const json_t *value)
{
    char *words = kind_words(value);
    size_t n = 0;
    struct hash hash;

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
