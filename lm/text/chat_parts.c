/* How it works: chat_text grows as renderers append; spans of the assistant's words are two
 * byte offsets each, opened when its header is written and closed behind its end token, so that
 * a turn of another role, which opens one and never closes it, leaves none. The readers of
 * messages answer with the message's number in their words. */

#include "lm/text/chat_parts.h"

#include "base/mem.h"
#include "lm/text/pyjson.h"
#include "lm/text/utf8.h"

#include <stdlib.h>
#include <string.h>

void chat_parts_put(struct chat_text *out, const char *text, size_t n)
{
    if (out->room - out->n < n + 1) {
        out->room = 2 * out->room + n + 256;
        out->text = mem_grow(out->text, out->room, 1);
    }
    memcpy(out->text + out->n, text, n);
    out->n += n;
    out->text[out->n] = 0;
}

void chat_parts_word(struct chat_text *out, const char *text)
{
    chat_parts_put(out, text, strlen(text));
}

enum err chat_parts_json(struct chat_text *out, const json_t *value, int indent)
{
    char *text;
    size_t n;
    const enum err err = pyjson_write(value, indent, &text, &n);

    if (err)
        return err;
    chat_parts_put(out, text, n);
    free(text);
    return OK;
}

/* A string is read and written anew: put in as it is, it would be JSON within JSON. */
enum err chat_parts_arguments(struct chat_text *out, const json_t *arguments)
{
    json_t *parsed;
    enum err err;

    if (!json_is_string(arguments))
        return chat_parts_json(out, arguments, 0);
    parsed = json_loadb(json_string_value(arguments), json_string_length(arguments), 0, NULL);
    if (!parsed)
        return err_set(ERR_PARSE, "tool_calls: arguments: a string that is no JSON object");
    err = chat_parts_json(out, parsed, 0);
    json_decref(parsed);
    return err;
}

/* Room doubles at powers of two. A second open before a close moves the start. */
void chat_parts_open(struct chat_text *out)
{
    if (!(out->spans & (out->spans + 1)))
        out->span = mem_grow(out->span, 4 * (out->spans + 1), sizeof *out->span);
    out->span[2 * out->spans] = out->n;
}

void chat_parts_close(struct chat_text *out)
{
    out->span[2 * out->spans++ + 1] = out->n;
}

enum err chat_parts_role(const json_t *message, size_t i, const char **role)
{
    *role = json_string_value(json_object_get(message, "role"));
    return *role ? OK : err_set(ERR_PARSE, "message %zu: no role", i);
}

bool chat_parts_is(const json_t *messages, size_t i, const char *role)
{
    const char *text = json_string_value(json_object_get(json_array_get(messages, i), "role"));

    return text && !strcmp(text, role);
}

enum err chat_parts_content(const json_t *message, size_t i, bool optional, const char **text,
                            size_t *n)
{
    const json_t *content = json_object_get(message, "content");

    *text = "";
    *n = 0;
    if (optional && (!content || json_is_null(content)))
        return OK;
    if (!json_is_string(content))
        return err_set(ERR_PARSE, "message %zu: content is not a string", i);
    *text = json_string_value(content);
    *n = json_string_length(content);
    return OK;
}

const json_t *chat_parts_calls(const json_t *message)
{
    const json_t *calls = json_object_get(message, "tool_calls");

    return json_array_size(calls) ? calls : NULL;
}

enum err chat_parts_function(const json_t *call, size_t i, const json_t **function,
                             const char **name)
{
    const json_t *inner = json_object_get(call, "function");

    /* OpenAI's format wraps the call in "function"; Qwen's template takes it bare as well. */
    *function = inner ? inner : call;
    *name = json_string_value(json_object_get(*function, "name"));
    if (!*name || !json_object_get(*function, "arguments"))
        return err_set(ERR_PARSE, "message %zu: tool_calls: no name or no arguments", i);
    return OK;
}

/* Python counts the four separators 1C to 1F as space, Unicode's White_Space does not. */
static bool python_space(const char *text, size_t n, size_t *bytes)
{
    uint32_t cp;

    return utf8_next(text, n, &cp, bytes) && (utf8_space(cp) || (cp >= 0x1c && cp <= 0x1f));
}

void chat_parts_trim(const char **text, size_t *n)
{
    size_t bytes;

    while (*n && python_space(*text, *n, &bytes)) {
        *text += bytes;
        *n -= bytes;
    }
    while (*n) {
        size_t at = *n - 1;

        /* Back to the first byte of the last character. */
        while (at && ((unsigned char)(*text)[at] & 0xc0) == 0x80)
            at--;
        if (!python_space(*text + at, *n - at, &bytes))
            break;
        *n = at;
    }
}
