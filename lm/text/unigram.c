/* How it works: a table has, for each byte at which a character ends, the best sum of scores of
 * a cut that ends there, the cut's last token and where that begins. It is filled from left to
 * right; from its end the best cut is read backwards, and its runs of unknown characters become
 * one.
 *
 * Cuts whose sums are equal on paper are told apart by the last bits of the scores, and tokenizers
 * reads a score otherwise than strtod: its digits as a whole number, rounded, over a power of ten,
 * rounded again. In one of eight that is the neighbour of the nearest number, and so it is here.
 *
 * Tokens that begin at a place are found in the sorted list of all: the first two bytes have a
 * table, then the range is narrowed byte by byte, as in added.c. */

#include "lm/text/unigram.h"

#include "base/mem.h"
#include "lm/text/utf8.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double UNKNOWN_PENALTY = 10.0; /* kUnkPenalty of SentencePiece */

struct unigram {
    const struct vocab *vocab;     /* borrowed */
    double *given, *score, lowest; /* given: to be written again */
    int unk, count;
    int *sorted;     /* [count] ids by text */
    int pair[65537]; /* [a << 8 | b] first place in `sorted` of a text not before "ab" */
};

/* A cut that ends at a byte. */
struct unigram_end {
    double sum;
    int id;    /* -1: unknown */
    int start; /* -1: no cut ends here */
};

struct unigram_work {
    struct unigram_end *end;
    size_t room;
    int *cut; /* ends of the best cut, from the right */
    size_t cuts;
};

/* For the comparison, which has no argument for it. */
struct unigram_text {
    const char *text;
    size_t n;
    int id;
};

static int by_text(const void *a, const void *b)
{
    const struct unigram_text *x = a, *y = b;
    const int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);

    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* The first two bytes of a text as a number; a text of one byte comes before all that go on. */
static int pair_of(const char *text, size_t n)
{
    return n ? (unsigned char)text[0] << 8 | (n > 1 ? (unsigned char)text[1] : 0) : 0;
}

static void sort(struct unigram *unigram)
{
    struct unigram_text *list = mem_new((size_t)unigram->count, sizeof *list);
    int at = 0;

    for (int id = 0; id < unigram->count; id++) {
        list[id].text = vocab_text(unigram->vocab, id, &list[id].n);
        list[id].id = id;
    }
    qsort(list, (size_t)unigram->count, sizeof *list, by_text);
    unigram->sorted = mem_new((size_t)unigram->count, sizeof *unigram->sorted);
    for (int i = 0; i < unigram->count; i++) {
        const int pair = pair_of(list[i].text, list[i].n);

        unigram->sorted[i] = list[i].id;
        while (at <= pair)
            unigram->pair[at++] = i;
    }
    while (at <= 65536)
        unigram->pair[at++] = unigram->count;
    free(list);
}

char *unigram_digits(char out[UNIGRAM_DIGITS], double score)
{
    int precision = 1;

    do
        snprintf(out, UNIGRAM_DIGITS, "%.*g", precision, score);
    while (precision++ < 17 && strtod(out, NULL) != score);
    return out;
}

static double power(int ten)
{
    char text[16];

    snprintf(text, sizeof text, "1e%d", ten);
    return strtod(text, NULL);
}

/* The number that the reader of tokenizers makes of the score's digits. */
static double as_read(double score)
{
    char digits[UNIGRAM_DIGITS], *at = unigram_digits(digits, fabs(score));
    uint64_t whole = 0;
    double real;
    int ten = 0;

    for (bool behind = false; *at && *at != 'e'; at++) {
        if (*at == '.') {
            behind = true;
            continue;
        }
        whole = 10 * whole + (uint64_t)(*at - '0');
        ten -= behind;
    }
    if (*at)
        ten += (int)strtol(at + 1, NULL, 10);
    real = (double)whole;
    for (; ten < -308 && real > 0; ten += 308)
        real /= 1e308;
    real = ten < 0 ? real / power(-ten) : real * power(ten);
    return score < 0 ? -real : real;
}

enum err unigram_new(struct unigram **out, const struct vocab *vocab, const double *score,
                     int unk)
{
    struct unigram *unigram;
    const int count = vocab_top(vocab);

    *out = NULL;
    if (count <= 0 || vocab_size(vocab) != count || unk >= count)
        return err_set(ERR_PARSE, "model: %d tokens with ids below %d, unk_id %d",
                       vocab_size(vocab), count, unk);
    for (int id = 0; id < count; id++) {
        size_t n;

        (void)vocab_text(vocab, id, &n);
        if (!n || !isfinite(score[id]))
            return err_set(ERR_PARSE, "model: token %d is empty or its score no number", id);
    }
    unigram = mem_new(1, sizeof *unigram);
    unigram->vocab = vocab;
    unigram->unk = unk;
    unigram->count = count;
    unigram->score = mem_new((size_t)count, sizeof *score);
    unigram->given = mem_new((size_t)count, sizeof *score);
    memcpy(unigram->given, score, (size_t)count * sizeof *score);
    unigram->lowest = INFINITY;
    for (int id = 0; id < count; id++) {
        unigram->score[id] = as_read(score[id]);
        unigram->lowest =
            unigram->score[id] < unigram->lowest ? unigram->score[id] : unigram->lowest;
    }
    sort(unigram);
    *out = unigram;
    return OK;
}

void unigram_free(struct unigram *unigram)
{
    if (!unigram)
        return;
    free(unigram->score);
    free(unigram->given);
    free(unigram->sorted);
    free(unigram);
}

double unigram_score(const struct unigram *unigram, int id)
{
    return unigram->given[id];
}

int unigram_unk(const struct unigram *unigram)
{
    return unigram->unk;
}

struct unigram_work *unigram_work_new(void)
{
    return mem_new(1, sizeof(struct unigram_work));
}

void unigram_work_free(struct unigram_work *work)
{
    if (!work)
        return;
    free(work->end);
    free(work->cut);
    free(work);
}

/* The byte at `depth` of the i-th text, -1 past its end. */
static int byte_at(const struct unigram *unigram, int i, size_t depth)
{
    size_t n;
    const char *text = vocab_text(unigram->vocab, unigram->sorted[i], &n);

    return depth < n ? (unsigned char)text[depth] : -1;
}

/* The first of sorted[low..high) whose byte at `depth` is not below c. */
static int lower(const struct unigram *unigram, int low, int high, size_t depth, int c)
{
    while (low < high) {
        const int mid = low + (high - low) / 2;

        if (byte_at(unigram, mid, depth) < c)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* A cut that ends with token `id` at byte `end`: kept if it is the first or better. */
static void offer(struct unigram_end *end, double sum, int id, int start)
{
    if (end->start < 0 || sum > end->sum)
        *end = (struct unigram_end){sum, id, start};
}

/* All tokens that text[at..n) begins with. `alone`: one of them is its first character, which
 * has `first` bytes. */
static void tokens_at(const struct unigram *unigram, struct unigram_end *end, const char *text,
                      size_t at, size_t n, size_t first, bool *alone)
{
    const unsigned char c = (unsigned char)text[at];
    int low = unigram->pair[c << 8], high = unigram->pair[(c << 8) + 256];

    *alone = false;
    for (size_t depth = 1; low < high; depth++) {
        /* The shortest of the range stands first. */
        if (byte_at(unigram, low, depth) < 0) {
            const int id = unigram->sorted[low];

            offer(&end[at + depth], end[at].sum + unigram->score[id], id, (int)at);
            *alone = *alone || depth == first;
            low++;
        }
        if (at + depth == n)
            break;
        if (depth == 1) {
            const int pair = c << 8 | (unsigned char)text[at + 1];
            const int from = unigram->pair[pair];

            /* A zero byte sorts with the text of one byte, which is done with. */
            low = from > low ? from : low;
            high = unigram->pair[pair + 1];
            continue;
        }
        low = lower(unigram, low, high, depth, (unsigned char)text[at + depth]);
        high = lower(unigram, low, high, depth, (unsigned char)text[at + depth] + 1);
    }
}

static enum err fill(const struct unigram *unigram, struct unigram_end *end, const char *text,
                     size_t n)
{
    uint32_t cp;

    for (size_t i = 1; i <= n; i++)
        end[i].start = -1;
    end[0] = (struct unigram_end){0, -1, 0};
    for (size_t at = 0, first; at < n; at += first) {
        bool alone;

        (void)utf8_next(text + at, n - at, &cp, &first);
        tokens_at(unigram, end, text, at, n, first, &alone);
        if (alone)
            continue;
        if (unigram->unk < 0)
            return err_set(ERR_RANGE, "a character is no token, and the model has no unk_id");
        offer(&end[at + first], end[at].sum + (unigram->lowest - UNKNOWN_PENALTY), unigram->unk,
              (int)at);
    }
    return OK;
}

/* Room for a text of n bytes. */
static enum err make_room(struct unigram_work *work, size_t n)
{
    if (n < work->room)
        return OK;
    free(work->end);
    free(work->cut);
    work->end = NULL;
    work->cut = NULL;
    work->room = 0;
    if (mem_big(&work->end, n + n / 2 + 64, sizeof *work->end, "a text's lattice") ||
        mem_big(&work->cut, n + n / 2 + 64, sizeof *work->cut, "a text's lattice"))
        return ERR_NOMEM;
    work->room = n + n / 2 + 64;
    return OK;
}

enum err unigram_run(const struct unigram *unigram, struct unigram_work *work, const char *text,
                     size_t n, unigram_emit *emit, void *context)
{
    enum err err = n > UNIGRAM_BYTES_MAX
                       ? err_set(ERR_RANGE, "%zu bytes without a place to cut, at most %d", n,
                                 UNIGRAM_BYTES_MAX)
                       : make_room(work, n);

    if (!err)
        err = fill(unigram, work->end, text, n);
    if (err)
        return err;
    work->cuts = 0;
    for (int at = (int)n; at > 0; at = work->end[at].start)
        work->cut[work->cuts++] = at;
    for (size_t i = work->cuts, from = 0; i-- > 0 && !err;) {
        int id = work->end[work->cut[i]].id;

        if (unigram->unk >= 0 && id == unigram->unk) {
            id = -1;
            while (i && work->end[work->cut[i - 1]].id == unigram->unk)
                i--;
        }
        err = emit(context, id, text + from, (size_t)work->cut[i] - from);
        from = (size_t)work->cut[i];
    }
    return err;
}
