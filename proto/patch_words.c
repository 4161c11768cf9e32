/* Making counts first, by a loop of vectors: a block that changed all over costs no more than that.
 * Then words are passed over four at a time where they are the same, which is nearly everywhere.
 *
 * Taking trusts nothing: whoever unpacked the streams has held them to patch_words_most; here each
 * byte of gaps leads to a word within the block or is refused, and the other two streams must end
 * with the last of these. */

#include "proto/patch_words.h"

#include <string.h>

enum { GAPS, STEPS, WORDS, FAR = 255 };

void patch_words_new(struct patch_words *w, uint8_t *room)
{
    *w = (struct patch_words){.stream = {room}};
    for (int i = 1; i < PATCH_STREAMS; i++)
        w->stream[i] = w->stream[i - 1] + patch_words_most(HASH_CHUNK, i - 1);
}

/* A gap takes as many words as it says, at least one a byte; the others follow from what
 * patch_words_make agrees to. */
size_t patch_words_most(size_t bytes, int stream)
{
    const size_t words = bytes / 2;

    return stream == GAPS ? words : stream == STEPS ? words / 2 : words / 8 * 2;
}

static uint16_t word_at(const uint8_t *from, size_t i)
{
    return (uint16_t)(from[2 * i] | from[2 * i + 1] << 8);
}

static void word_put(uint8_t *to, size_t i, uint16_t word)
{
    to[2 * i] = (uint8_t)word;
    to[2 * i + 1] = (uint8_t)(word >> 8);
}

static uint16_t key(uint16_t w)
{
    return w & 0x8000 ? (uint16_t)~w : (uint16_t)(w | 0x8000);
}

static uint16_t word_of(uint16_t k)
{
    return k & 0x8000 ? (uint16_t)(k & 0x7fff) : (uint16_t)~k;
}

/* 1 … 255; 0: too far for a byte. */
static uint8_t step_of(uint16_t base, uint16_t of)
{
    const uint16_t up = (uint16_t)(key(of) - key(base)), down = (uint16_t)-up;

    return up <= 128 ? (uint8_t)(2 * up - 1) : down <= 127 ? (uint8_t)(2 * down) : 0;
}

static uint16_t stepped(uint16_t base, uint8_t step)
{
    const int by = step & 1 ? (step + 1) / 2 : -(step / 2);

    return word_of((uint16_t)(key(base) + by));
}

static size_t changed(const uint8_t *base, const uint8_t *of, size_t words)
{
    size_t n = 0;

    for (size_t i = 0; i < words; i++) {
        uint16_t a, b;
        memcpy(&a, base + 2 * i, sizeof a);
        memcpy(&b, of + 2 * i, sizeof b);
        n += a != b;
    }
    return n;
}

static size_t same_from(const uint8_t *base, const uint8_t *of, size_t at, size_t words)
{
    for (; at + 4 <= words && !memcmp(base + 2 * at, of + 2 * at, 8); at += 4)
        ;
    while (at < words && word_at(base, at) == word_at(of, at))
        at++;
    return at;
}

bool patch_words_make(struct patch_words *w, const uint8_t *base, const uint8_t *of,
                      size_t bytes)
{
    const size_t words = bytes / 2;
    size_t last = 0;

    memset(w->n, 0, sizeof w->n);
    if (bytes % 2 || changed(base, of, words) > patch_words_most(bytes, STEPS))
        return false;
    for (size_t at = same_from(base, of, 0, words); at < words;
         at = same_from(base, of, at + 1, words)) {
        size_t gap = at - last;
        const uint16_t to = word_at(of, at);
        const uint8_t step = step_of(word_at(base, at), to);

        for (; gap >= FAR; gap -= FAR)
            w->stream[GAPS][w->n[GAPS]++] = FAR;
        w->stream[GAPS][w->n[GAPS]++] = (uint8_t)gap;
        w->stream[STEPS][w->n[STEPS]++] = step;
        if (!step && w->n[WORDS] == patch_words_most(bytes, WORDS))
            return false;
        if (!step) {
            word_put(w->stream[WORDS], w->n[WORDS] / 2, to);
            w->n[WORDS] += 2;
        }
        last = at + 1;
    }
    return true;
}

bool patch_words_take(const struct patch_words *w, const uint8_t *base, uint8_t *of,
                      size_t bytes)
{
    const size_t words = bytes / 2;
    size_t at = 0, steps = 0, far = 0;

    if (bytes % 2)
        return false;
    memcpy(of, base, bytes);
    for (size_t i = 0; i < w->n[GAPS]; i++) {
        const uint8_t gap = w->stream[GAPS][i];
        uint8_t step;

        at += gap;
        if (gap == FAR)
            continue;
        if (at >= words || steps == w->n[STEPS])
            return false;
        step = w->stream[STEPS][steps++];
        if (!step && far + 2 > w->n[WORDS])
            return false;
        word_put(of, at,
                 step ? stepped(word_at(base, at), step) : word_at(w->stream[WORDS], far / 2));
        far += step ? 0 : 2;
        at++;
    }
    return steps == w->n[STEPS] && far == w->n[WORDS];
}
