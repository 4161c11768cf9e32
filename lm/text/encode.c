/* How it works: everything becomes one text first (a string as it is, messages by their
 * template) and then tokens, as TRL does it. encode_pair finds where the completion begins by
 * comparing the tokens of the prompt alone with those of the whole: a merge may run across the
 * seam, and then the tokens that differ belong to the completion. BOS is put before plain text
 * only, for templates write their own. */

#include "lm/text/encode.h"

#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum err encode_text(const struct encode *encode, const json_t *value, const json_t *tools,
                     bool generation, char **text, size_t *n)
{
    *text = NULL;
    *n = 0;
    if (json_is_string(value)) {
        *n = json_string_length(value);
        *text = mem_new(*n + 1, 1);
        memcpy(*text, json_string_value(value), *n);
        return OK;
    }
    if (!json_is_array(value))
        return err_set(ERR_PARSE, "expected a string or a list of messages");
    if (!encode->chat)
        return err_set(ERR_STATE, "%s",
                       encode->chat_error ? encode->chat_error
                                          : "the model has no chat template: name one with "
                                            "chat_template_path=NAME, or give "
                                            "strings instead of messages");
    return chat_render(encode->chat, value, tools, encode->kwargs, generation, text, n);
}

/* ids of text, with BOS before plain text where the tokenizer wants one. */
static enum err tokens(const struct encode *encode, const char *text, size_t n, bool plain,
                       int **ids, int *count)
{
    int bos = -1, *got = NULL;
    size_t have = 0;
    enum err err = tokenizer_encode(encode->tokenizer, text, n, true, &got, &have);

    *ids = NULL;
    *count = 0;
    if (err)
        return err;
    if (have >= INT_MAX) {
        free(got);
        return err_set(ERR_RANGE, "%zu tokens are too many", have);
    }
    /* Not where the text begins with it: transformers would make it two (encode.h). */
    if (plain && tokenizer_adds_bos(encode->tokenizer, &bos) && (!have || got[0] != bos)) {
        got = mem_grow(got, have + 1, sizeof *got);
        memmove(got + 1, got, have * sizeof *got);
        got[0] = bos;
        have++;
    }
    *ids = got;
    *count = (int)have;
    return OK;
}

/* One text by itself: no completion, so `start` is its end. */
static enum err alone(const struct encode *encode, const json_t *value, const json_t *tools,
                      bool generation, struct encoded *out)
{
    char *text;
    size_t n;
    enum err err = encode_text(encode, value, tools, generation, &text, &n);

    memset(out, 0, sizeof *out);
    if (err)
        return err;
    err = tokens(encode, text, n, json_is_string(value), &out->ids, &out->n);
    out->start = out->n;
    free(text);
    return err;
}

enum err encode_prompt(const struct encode *encode, const json_t *prompt, const json_t *tools,
                       struct encoded *out)
{
    return alone(encode, prompt, tools, true, out);
}

enum err encode_whole(const struct encode *encode, const json_t *value, const json_t *tools,
                      struct encoded *out)
{
    return alone(encode, value, tools, false, out);
}

/* The text of prompt and completion together. */
static enum err whole(const struct encode *encode, const json_t *prompt,
                      const json_t *completion, const json_t *tools, char **text, size_t *n)
{
    json_t *both;
    enum err err;

    if (json_is_string(prompt) != json_is_string(completion))
        return err_set(ERR_PARSE,
                       "prompt and completion: both strings or both lists of messages");
    if (json_is_string(prompt)) {
        *n = json_string_length(prompt) + json_string_length(completion);
        *text = mem_new(*n + 1, 1);
        memcpy(*text, json_string_value(prompt), json_string_length(prompt));
        memcpy(*text + json_string_length(prompt), json_string_value(completion),
               json_string_length(completion));
        return OK;
    }
    both = json_array();
    /* A list of its own, for the caller's must not grow; the messages in it are shared. */
    json_array_extend(both, (json_t *)(uintptr_t)prompt);
    json_array_extend(both, (json_t *)(uintptr_t)completion);
    err = encode_text(encode, both, tools, false, text, n);
    json_decref(both);
    return err;
}

/* The common beginning of both token lists is the prompt. */
enum err encode_pair(const struct encode *encode, const json_t *prompt,
                     const json_t *completion, const json_t *tools, struct encoded *out)
{
    struct encoded head;
    char *text = NULL;
    size_t n = 0;
    enum err err = encode_prompt(encode, prompt, tools, &head);

    memset(out, 0, sizeof *out);
    if (!err)
        err = whole(encode, prompt, completion, tools, &text, &n);
    if (!err)
        /* The whole is tokenised anew, not appended to the prompt's tokens: a model learns the
         * tokens that its text has. */
        err = tokens(encode, text, n, json_is_string(prompt), &out->ids, &out->n);
    if (!err)
        while (out->start < head.n && out->start < out->n &&
               head.ids[out->start] == out->ids[out->start])
            out->start++;
    free(text);
    encoded_free(&head);
    return err;
}

void encoded_free(struct encoded *encoded)
{
    free(encoded->ids);
    memset(encoded, 0, sizeof *encoded);
}
