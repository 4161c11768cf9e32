/* Two shapes of the same: chat's is a list of objects, a token each; completions' is four lists
 * beside one another. In the second the likeliest tokens are keys of an object, so two that
 * are written alike would become one: what is no whole character is written as its bytes, and
 * return_tokens_as_token_ids calls every token by its number. */

#include "serve/logprobs.h"

#include "base/utf8.h"
#include "eval/json_lines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct logprobs_run logprobs_of_choice(const struct choice *c, int from)
{
    return (struct logprobs_run){.ids = c->ids + from,
                                 .logprob = c->logprob + from,
                                 .top = c->top + (size_t)from * (size_t)c->tops,
                                 .n = c->n - from,
                                 .tops = c->tops,
                                 .stride = c->tops};
}

struct logprobs_run logprobs_of_prompt(const struct job *job, int i)
{
    return (struct logprobs_run){.ids = job->ask.prompt[i].ids,
                                 .logprob = job->prompt[i].logprob,
                                 .top = job->prompt[i].top,
                                 .n = job->ask.prompt[i].n,
                                 .tops = job->tops,
                                 .stride = job->ask.top,
                                 .blind = 1};
}

static size_t characters(const char *text, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static bool whole(const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        const size_t width = utf8_width((const uint8_t *)text + i, n - i);

        if (!width)
            return false;
        i += width;
    }
    return true;
}

/* A token's bytes; none for a row of the embedding that is no token. */
static const char *piece_of(const struct tokenizer *tokenizer, int id, size_t *n)
{
    const char *piece = tokenizer_piece(tokenizer, id, n);

    if (!piece)
        *n = 0;
    return piece ? piece : "";
}

/* What a token is called, freed with free(): never two alike, but for what its text says. */
static json_t *name_of(const struct tokenizer *tokenizer, int id, bool names, bool chat)
{
    size_t n;
    const char *piece = piece_of(tokenizer, id, &n);
    struct strbuf text = {NULL, 0, 0};
    json_t *out;

    if (names)
        return json_sprintf("token_id:%d", id);
    if (chat || whole(piece, n))
        return json_lines_text(piece, n);
    strbuf_print(&text, "bytes:");
    for (size_t i = 0; i < n; i++)
        strbuf_print(&text, "\\x%02x", (unsigned)(unsigned char)piece[i]);
    out = json_stringn(text.text, text.n);
    free(text.text);
    return out;
}

static json_t *one_of(const struct tokenizer *tokenizer, int id, float logprob, bool names)
{
    json_t *bytes = json_array();
    size_t n;
    const char *piece = piece_of(tokenizer, id, &n);

    for (size_t i = 0; i < n; i++)
        json_array_append_new(bytes, json_integer((unsigned char)piece[i]));
    return json_pack("{s:o,s:f,s:o}", "token", name_of(tokenizer, id, names, true), "logprob",
                     (double)logprob, "bytes", bytes);
}

json_t *logprobs_chat(const struct logprobs_run *run, const struct tokenizer *tokenizer,
                      bool names)
{
    json_t *content = json_array();

    for (int i = 0; i < run->n; i++) {
        json_t *one = one_of(tokenizer, run->ids[i], run->logprob[i], names);
        json_t *list = json_array();

        for (int k = 0; k < run->tops; k++) {
            const struct sample_top *top = &run->top[i * run->stride + k];

            json_array_append_new(list, one_of(tokenizer, top->token, top->logprob, names));
        }
        json_object_set_new(one, "top_logprobs", list);
        json_array_append_new(content, one);
    }
    return json_pack("{s:o}", "content", content);
}

json_t *logprobs_text(void)
{
    return json_pack("{s:[],s:[],s:[],s:[]}", "tokens", "token_logprobs", "top_logprobs",
                     "text_offset");
}

/* The likeliest tokens of a place, and the one that stands there where it is none of them. */
static json_t *rivals(const struct logprobs_run *run, int i, const struct tokenizer *tokenizer,
                      bool names)
{
    json_t *out = json_object(), *name = name_of(tokenizer, run->ids[i], names, false);

    for (int k = 0; k < run->tops; k++) {
        const struct sample_top *top = &run->top[i * run->stride + k];
        json_t *key = name_of(tokenizer, top->token, names, false);

        /* the likelier of two that are written alike stays */
        if (!json_object_get(out, json_string_value(key)))
            json_object_set_new(out, json_string_value(key), json_real((double)top->logprob));
        json_decref(key);
    }
    if (!json_object_get(out, json_string_value(name)))
        json_object_set_new(out, json_string_value(name), json_real((double)run->logprob[i]));
    json_decref(name);
    return out;
}

void logprobs_text_add(json_t *object, const struct logprobs_run *run,
                       const struct tokenizer *tokenizer, bool names, size_t *offset)
{
    json_t *const tokens = json_object_get(object, "tokens");
    json_t *const values = json_object_get(object, "token_logprobs");
    json_t *const tops = json_object_get(object, "top_logprobs");
    json_t *const offsets = json_object_get(object, "text_offset");

    for (int i = 0; i < run->n; i++) {
        const bool blind = i < run->blind;
        size_t n;
        const char *piece = piece_of(tokenizer, run->ids[i], &n);

        json_array_append_new(tokens, name_of(tokenizer, run->ids[i], names, false));
        json_array_append_new(values, blind ? json_null() : json_real((double)run->logprob[i]));
        json_array_append_new(tops, blind ? json_null() : rivals(run, i, tokenizer, names));
        json_array_append_new(offsets, json_integer((json_int_t)*offset));
        *offset += characters(piece, n);
    }
}
