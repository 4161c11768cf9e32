/* Everything is done in text, before it becomes tokens: the end token is appended to a string
 * as TRL appends it, and what a template writes behind an answer that was cut off is taken
 * away again. A rollout that travels as tokens has its own end token, so only the tail is left
 * to add there. */
#include "lm/text/reading.h"

#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

char *reading_end(const struct tokenizer *tokenizer, int id)
{
    size_t n = 0;
    const char *piece = id < 0 ? NULL : tokenizer_piece(tokenizer, id, &n);

    return piece ? mem_print("%.*s", (int)n, piece) : NULL;
}

static bool ends_in(const char *text, size_t n, const char *suffix)
{
    const size_t m = strlen(suffix);

    return n >= m && !memcmp(text + n - m, suffix, m);
}

/* Not twice: an answer that was written by hand, or rendered, may have it already. */
json_t *reading_ended(const json_t *value, const char *eos)
{
    const char *text = json_string_value(value);
    char *longer;
    json_t *out;

    if (!text || !eos || ends_in(text, json_string_length(value), eos))
        return json_incref((json_t *)(uintptr_t)value);
    longer = mem_print("%s%s", text, eos);
    out = json_string(longer);
    free(longer);
    return out;
}

/* A dialogue whose last answer was cut off: without the end of its turn. */
static enum err cut_dialogue(const struct encode *encode, const json_t *all,
                             const json_t *tools, struct encoded *out)
{
    char *text = NULL;
    int *ids = NULL;
    size_t n = 0, count = 0;
    enum err err = encode_text(encode, all, tools, false, &text, &n);

    /* From the outside in: the tail stands behind the end token. */
    if (!err && ends_in(text, n, chat_tail(encode->chat)))
        n -= strlen(chat_tail(encode->chat));
    if (!err && chat_end(encode->chat) && ends_in(text, n, chat_end(encode->chat)))
        n -= strlen(chat_end(encode->chat));
    if (!err)
        err = tokenizer_encode(encode->tokenizer, text, n, true, &ids, &count);
    if (!err && count > INT_MAX)
        err = err_set(ERR_RANGE, "%zu tokens are too many", count);
    *out = (struct encoded){ids, err ? 0 : (int)count, err ? 0 : (int)count};
    free(text);
    return err;
}

enum err reading_answer(const struct encode *encode, const char *eos, const json_t *all,
                        const json_t *tools, bool finished, struct encoded *out)
{
    json_t *last = reading_ended(all, finished ? eos : NULL);
    enum err err = finished || json_is_string(last) ? encode_whole(encode, last, tools, out)
                                                    : cut_dialogue(encode, last, tools, out);

    json_decref(last);
    if (!err && !out->n)
        err = err_set(ERR_PARSE, "an answer without a token");
    return err;
}

enum err reading_tail(const struct encode *encode, int **ids, size_t *n)
{
    const char *text = chat_tail(encode->chat);

    return tokenizer_encode(encode->tokenizer, text, strlen(text), true, ids, n);
}
