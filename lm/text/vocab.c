/* How it works: texts end to end in one arena, found by id through an array of offsets and by
 * text through a table with open addressing, kept at most half full. Offsets are stored plus
 * one, so that zeroed memory is holes. Tables grow by doubling: a vocabulary is read once, in
 * any order of ids. */

#include "lm/text/vocab.h"

#include "base/mem.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct vocab {
    char *arena; /* texts, each with a zero after it */
    size_t used, space;
    size_t *at;     /* [cap] where a text starts, + 1; 0 is a hole */
    uint32_t *size; /* [cap] its length */
    int cap, top, count;
    int *slot; /* [slots] open addressing: id + 1, 0 is free */
    size_t slots;
};

/* Eight bytes at a time; it spreads, it does not protect: a file of colliding tokens is only
 * slow. */
static uint64_t digest(const char *text, size_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ n, word;

    for (; n >= 8; text += 8, n -= 8) {
        memcpy(&word, text, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    word = 0;
    memcpy(&word, text, n);
    h = (h ^ word) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 29;
}

struct vocab *vocab_new(void)
{
    struct vocab *vocab = mem_new(1, sizeof *vocab);

    vocab->slots = 1024;
    vocab->slot = mem_new(vocab->slots, sizeof *vocab->slot);
    return vocab;
}

void vocab_free(struct vocab *vocab)
{
    if (!vocab)
        return;
    free(vocab->arena);
    free(vocab->at);
    free(vocab->size);
    free(vocab->slot);
    free(vocab);
}

/* The slot of a text: taken by it, or free. At most half of them are taken, so a free one ends
 * every search. */
static size_t probe(const struct vocab *vocab, const char *text, size_t n)
{
    size_t i = digest(text, n) & (vocab->slots - 1);

    for (; vocab->slot[i]; i = (i + 1) & (vocab->slots - 1)) {
        const int id = vocab->slot[i] - 1;

        if (vocab->size[id] == n && !memcmp(vocab->arena + vocab->at[id] - 1, text, n))
            break;
    }
    return i;
}

/* mem_grow does not zero what is new, and a hole is a zero. */
static void widen(struct vocab *vocab, int id)
{
    int cap = vocab->cap ? vocab->cap : 512;

    while (cap <= id)
        cap *= 2;
    vocab->at = mem_grow(vocab->at, (size_t)cap, sizeof *vocab->at);
    vocab->size = mem_grow(vocab->size, (size_t)cap, sizeof *vocab->size);
    memset(vocab->at + vocab->cap, 0, (size_t)(cap - vocab->cap) * sizeof *vocab->at);
    memset(vocab->size + vocab->cap, 0, (size_t)(cap - vocab->cap) * sizeof *vocab->size);
    vocab->cap = cap;
}

static void rehash(struct vocab *vocab)
{
    free(vocab->slot);
    vocab->slots *= 2;
    vocab->slot = mem_new(vocab->slots, sizeof *vocab->slot);
    for (int id = 0; id < vocab->top; id++)
        if (vocab->at[id])
            vocab->slot[probe(vocab, vocab->arena + vocab->at[id] - 1, vocab->size[id])] =
                id + 1;
}

enum err vocab_put(struct vocab *vocab, int id, const char *text, size_t n)
{
    size_t slot;

    if (id < 0 || id >= VOCAB_TOKENS_MAX)
        return err_set(ERR_RANGE, "token id %d: not in [0, %d)", id, VOCAB_TOKENS_MAX);
    if (n > VOCAB_TOKEN_BYTES_MAX)
        return err_set(ERR_RANGE, "token %d: %zu bytes, at most %d", id, n,
                       VOCAB_TOKEN_BYTES_MAX);
    if (id >= vocab->cap)
        widen(vocab, id);
    /* Two texts of one id, or two ids of one text: such a file has no one meaning. */
    if (vocab->at[id])
        return err_set(ERR_PARSE, "token id %d: given twice", id);
    slot = probe(vocab, text, n);
    if (vocab->slot[slot])
        return err_set(ERR_PARSE, "token \"%.*s\": ids %d and %d", n < 64 ? (int)n : 64, text,
                       vocab->slot[slot] - 1, id);
    /* The arena may move when it grows: that is why `at` has offsets, not pointers. */
    if (vocab->space - vocab->used < n + 1) {
        vocab->space = 2 * vocab->space + n + 4096;
        vocab->arena = mem_grow(vocab->arena, vocab->space, 1);
    }
    memcpy(vocab->arena + vocab->used, text, n);
    vocab->arena[vocab->used + n] = 0;
    vocab->at[id] = vocab->used + 1;
    vocab->size[id] = (uint32_t)n;
    vocab->used += n + 1;
    vocab->slot[slot] = id + 1;
    vocab->top = id >= vocab->top ? id + 1 : vocab->top;
    if ((size_t)++vocab->count > vocab->slots / 2)
        rehash(vocab);
    return OK;
}

int vocab_find(const struct vocab *vocab, const char *text, size_t n)
{
    return vocab->slot[probe(vocab, text, n)] - 1;
}

const char *vocab_text(const struct vocab *vocab, int id, size_t *n)
{
    *n = 0;
    if (id < 0 || id >= vocab->top || !vocab->at[id])
        return NULL;
    *n = vocab->size[id];
    return vocab->arena + vocab->at[id] - 1;
}

int vocab_top(const struct vocab *vocab)
{
    return vocab->top;
}

int vocab_size(const struct vocab *vocab)
{
    return vocab->count;
}
