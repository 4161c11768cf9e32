/* How it works: what a finished tokenizer answers. It is made by tokenizer_json, _gguf or
 * _bytes (which fill vocabulary and merges) and tokenizer_parts_ready (the rest), and never
 * changes afterwards, so threads share it without a lock; what a call needs beside it, it
 * allocates.
 *
 * Decoding is a concatenation: the bytes of all tokens lie end to end in one arena. What a chain
 * of decoders does to a whole text (a blank at its beginning, bytes that are no character) is
 * done behind that. */

#include "lm/text/tokenizer.h"

#include "base/mem.h"
#include "lm/text/tokenizer_parts.h"
#include "lm/text/utf8.h"

#include <stdlib.h>
#include <string.h>

void tokenizer_free(struct tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    vocab_free(tokenizer->vocab);
    bpe_free(tokenizer->bpe);
    unigram_free(tokenizer->unigram);
    free(tokenizer->score);
    normalize_free(tokenizer->normalize);
    pretoken_free(tokenizer->pretoken);
    decoder_fini(&tokenizer->decoder);
    added_fini(&tokenizer->raw);
    added_fini(&tokenizer->normalized);
    json_decref(tokenizer->rest);
    free(tokenizer->arena);
    free(tokenizer->piece);
    free(tokenizer->special);
    free(tokenizer->added);
    free(tokenizer);
}

/* A run of bytes' own tokens in a text that is being decoded. */
struct decoded {
    char *text;
    size_t n, run; /* bytes; where the run of bytes at the end starts, n if there is none */
};

/* A run that is no UTF-8 is a U+FFFD for each of its bytes, as ByteFallback has it. */
static void end_run(struct decoded *out)
{
    const size_t bytes = out->n - out->run;

    if (!utf8_valid(out->text + out->run, bytes)) {
        out->n = out->run;
        for (size_t i = 0; i < bytes; i++) {
            memcpy(out->text + out->n, "\xEF\xBF\xBD", 3);
            out->n += 3;
        }
    }
    out->run = out->n;
}

/* A chain of decoders instead of ByteLevel. `bytes` is what the pieces have together. */
static void decode_chain(const struct tokenizer *tokenizer, const int *ids, size_t count,
                         bool special, size_t bytes, char **text, size_t *n)
{
    const struct decoder *decoder = &tokenizer->decoder;
    struct decoded out = {mem_new(3 * bytes + 1, 1), 0, 0};
    bool begun = false;
    size_t m, lead;

    /* The first token is taken from its text: it may be shorter than its piece. */
    for (size_t i = 0; i < count; i++) {
        const char *piece = tokenizer_piece(tokenizer, ids[i], &m), *name;
        size_t name_n = 0;

        if ((!special && tokenizer_is_special(tokenizer, ids[i])) || ids[i] >= tokenizer->count)
            continue;
        name = tokenizer_parts_text(tokenizer, ids[i], &name_n);
        if (!name || !decoder_is_byte(decoder, name, name_n))
            end_run(&out);
        if (begun || !name) {
            memcpy(out.text + out.n, piece, m);
        } else {
            char *first = decoder_piece(decoder, name, name_n, true, &m);

            memcpy(out.text + out.n, first, m);
            free(first);
        }
        begun = true;
        out.n += m;
        if (!name || !decoder_is_byte(decoder, name, name_n))
            out.run = out.n;
    }
    end_run(&out);
    lead = decoder_lead(decoder, out.text, out.n);
    out.n -= lead;
    memmove(out.text, out.text + lead, out.n);
    out.n -= decoder_tail(decoder, out.text, out.n);
    out.text[out.n] = 0;
    *text = out.text;
    *n = out.n;
}

size_t tokenizer_lead(const struct tokenizer *tokenizer, const char *piece, size_t n)
{
    const size_t first = decoder_first(&tokenizer->decoder, piece, n);

    return first + decoder_lead(&tokenizer->decoder, piece + first, n - first);
}

/* Bytes, not characters: a sequence may end in the middle of one, and whoever shows it decides
 * what then. An id that no token has decodes to nothing. */
enum err tokenizer_decode(const struct tokenizer *tokenizer, const int *ids, size_t count,
                          bool special, char **text, size_t *n)
{
    size_t bytes = 0, m;
    char *out;

    *text = NULL;
    *n = 0;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] < 0)
            return err_set(ERR_RANGE, "token %zu: id %d", i, ids[i]);
        (void)tokenizer_piece(tokenizer, ids[i], &m);
        bytes += m;
    }
    if (!tokenizer->level) {
        decode_chain(tokenizer, ids, count, special, bytes, text, n);
        return OK;
    }
    out = mem_new(bytes + 1, 1);
    for (size_t i = 0; i < count; i++) {
        const char *piece = tokenizer_piece(tokenizer, ids[i], &m);

        if (!special && tokenizer_is_special(tokenizer, ids[i]))
            continue;
        memcpy(out + *n, piece, m);
        *n += m;
    }
    out[*n] = 0;
    *text = out;
    return OK;
}

const char *tokenizer_piece(const struct tokenizer *tokenizer, int id, size_t *n)
{
    *n = 0;
    if (id < 0 || id >= tokenizer->count)
        return "";
    *n = tokenizer->piece[id + 1] - tokenizer->piece[id];
    return tokenizer->arena + tokenizer->piece[id];
}

/* Few hundred at most, and asked for by name a few times a run. */
static int in_added(const struct added *added, const char *token, size_t n)
{
    for (size_t i = 0; i < added->count; i++)
        if (added->token[i].content_n == n && !memcmp(added->token[i].content, token, n))
            return added->token[i].id;
    return -1;
}

/* Added tokens first: where the model's vocabulary has the same text, this is what encoding
 * finds. */
int tokenizer_id(const struct tokenizer *tokenizer, const char *token)
{
    const size_t n = strlen(token);
    int id = in_added(&tokenizer->raw, token, n);

    if (id < 0)
        id = in_added(&tokenizer->normalized, token, n);
    return id < 0 ? vocab_find(tokenizer->vocab, token, n) : id;
}

int tokenizer_count(const struct tokenizer *tokenizer)
{
    return tokenizer->count;
}

bool tokenizer_is_special(const struct tokenizer *tokenizer, int id)
{
    return id >= 0 && id < tokenizer->count && tokenizer->special[id];
}

bool tokenizer_adds_bos(const struct tokenizer *tokenizer, int *bos)
{
    *bos = tokenizer->bos;
    return tokenizer->bos >= 0;
}
