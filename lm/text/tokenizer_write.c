/* How it works: the kept rest of the file with vocabulary and merges put back, in the order of
 * ids and ranks. The rest is copied shallowly: what is put in must not stay behind in the
 * tokenizer. */

#include "lm/text/tokenizer.h"
#include "lm/text/tokenizer_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* _nocheck: the texts are UTF-8 since they were read as JSON, or checked when a GGUF was. */
static json_t *vocab_json(const struct vocab *vocab)
{
    json_t *out = json_object();
    size_t n;

    for (int id = 0; id < vocab_top(vocab); id++) {
        const char *text = vocab_text(vocab, id, &n);

        if (text)
            json_object_set_new_nocheck(out, text, json_integer(id));
    }
    return out;
}

static json_t *scores_json(const struct tokenizer *tokenizer)
{
    json_t *out = json_array();
    size_t n;

    for (int id = 0; id < vocab_top(tokenizer->vocab); id++) {
        json_t *pair = json_array();

        json_array_append_new(pair, json_string_nocheck(vocab_text(tokenizer->vocab, id, &n)));
        json_array_append_new(pair, json_real(unigram_score(tokenizer->unigram, id)));
        json_array_append_new(out, pair);
    }
    return out;
}

/* A merge of tokens that hold a space cannot be written "left right". */
static bool spaced(const struct tokenizer *tokenizer)
{
    size_t n;
    int left, right;

    for (size_t rank = 0; rank < bpe_count(tokenizer->bpe); rank++) {
        bpe_pair(tokenizer->bpe, rank, &left, &right);
        if (strchr(vocab_text(tokenizer->vocab, left, &n), ' ') ||
            strchr(vocab_text(tokenizer->vocab, right, &n), ' '))
            return true;
    }
    return false;
}

/* "left right" where it can be: every release of tokenizers reads that. */
static json_t *merges_json(const struct tokenizer *tokenizer)
{
    const bool pairs = spaced(tokenizer);
    json_t *out = json_array();
    size_t n;

    for (size_t rank = 0; rank < bpe_count(tokenizer->bpe); rank++) {
        const char *a, *b;
        int left, right;

        bpe_pair(tokenizer->bpe, rank, &left, &right);
        a = vocab_text(tokenizer->vocab, left, &n);
        b = vocab_text(tokenizer->vocab, right, &n);
        json_array_append_new(out,
                              pairs ? json_pack("[s, s]", a, b) : json_sprintf("%s %s", a, b));
    }
    return out;
}

/* The fewest digits of the real number at[0..n), if that is shorter; else as it is. */
static size_t best_digits(char out[UNIGRAM_DIGITS + 2], const char *at, size_t n)
{
    char digits[UNIGRAM_DIGITS];

    unigram_digits(digits, strtod(at, NULL));
    snprintf(out, UNIGRAM_DIGITS + 2, "%s%s", digits, strpbrk(digits, ".e") ? "" : ".0");
    if (strlen(out) >= n)
        snprintf(out, UNIGRAM_DIGITS + 2, "%.*s", (int)n, at);
    return strlen(out);
}

/* Scores in the fewest digits, as others write them: who reads them in haste (unigram.c) rounds
 * by the digits that are there. The text only becomes shorter. */
static void shorten(char *text)
{
    char digits[UNIGRAM_DIGITS + 2], *to = text;
    bool quoted = false;

    for (const char *at = text; *at;) {
        const size_t n = quoted ? 0 : strspn(at, "+-.0123456789e");

        if (n > 1 && n < UNIGRAM_DIGITS && memchr(at, '.', n)) {
            const size_t length = best_digits(digits, at, n);

            memcpy(to, digits, length);
            to += length;
            at += n;
            continue;
        }
        if (quoted && *at == '\\')
            *to++ = *at++;
        else
            quoted ^= *at == '"';
        *to++ = *at++;
    }
    *to = 0;
}

enum err tokenizer_write(const struct tokenizer *tokenizer, char **out, size_t *n)
{
    json_t *root = json_copy(tokenizer->rest);
    json_t *model = json_copy(json_object_get(root, "model"));

    *out = NULL;
    *n = 0;
    if (tokenizer->unigram) {
        json_object_set_new(model, "vocab", scores_json(tokenizer));
    } else {
        json_object_set_new(model, "vocab", vocab_json(tokenizer->vocab));
        json_object_set_new(model, "merges", merges_json(tokenizer));
    }
    json_object_set_new(root, "model", model);
    *out = json_dumps(root, JSON_INDENT(1));
    json_decref(root);
    if (!*out)
        return err_set(ERR_NOMEM, "tokenizer.json: no memory");
    if (tokenizer->unigram)
        shorten(*out);
    *n = strlen(*out);
    return OK;
}
