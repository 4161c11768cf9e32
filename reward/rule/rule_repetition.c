/* Rule repetition: how much of an answer says again what it said before: of its runs of `ngram`
 * words the share that is no first occurrence, as a price. A policy that is paid for being right
 * alone fills hard answers up with loops, and a price on length charges the good ones, too.
 *
 *   score = -(1 - distinct runs / runs)       Yeo et al. 2025, arXiv:2502.03373, appendix C.2
 *
 * in [-1, 0], 0 when there are fewer words than `ngram`. Words stand between blanks and count
 * without case (of ASCII). What a loop costs is the reward's weight. Runs are sorted and
 * neighbours compared, so an answer of n words takes n log n comparisons. */

#include "base/mem.h"
#include "reward/entry.h"
#include "reward/rule/rule_kind.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NGRAM = 3, NGRAM_MAX = 64 };

struct rule_repetition {
    int ngram;
};
struct repeated_word {
    const char *at;
    size_t n;
};
struct repeated_run { /* of `n` words from `word` on */
    const struct repeated_word *word;
    int n;
};

static enum err read_repetition(void **own, const json_t *spec)
{
    struct rule_repetition *r = *own = mem_new(1, sizeof *r);
    double n = NGRAM;
    const enum err err = entry_least(&n, spec, "ngram", 1);

    r->ngram = (int)(n < NGRAM_MAX ? n : NGRAM_MAX);
    if (!err && (n > NGRAM_MAX || n > r->ngram))
        return err_set(ERR_RANGE, "ngram: %g is no whole number from 1 to %d", n, NGRAM_MAX);
    return err;
}

/* The text's words, which point into it. */
static struct repeated_word *words_of(const char *text, size_t *n)
{
    struct repeated_word *word = mem_new(strlen(text) / 2 + 1, sizeof *word);

    for (*n = 0; *(text += strspn(text, " \t\r\n"));) {
        word[*n].at = text;
        text += word[*n].n = strcspn(text, " \t\r\n");
        ++*n;
    }
    return word;
}

static int by_words(const void *a, const void *b)
{
    const struct repeated_run *x = a, *y = b;

    for (int k = 0; k < x->n; k++) {
        const struct repeated_word *v = &x->word[k], *w = &y->word[k];
        for (size_t i = 0; i < v->n && i < w->n; i++) {
            const int d = tolower((unsigned char)v->at[i]) - tolower((unsigned char)w->at[i]);
            if (d)
                return d;
        }
        if (v->n != w->n)
            return v->n < w->n ? -1 : 1;
    }
    return 0;
}

static float score(const void *own, const struct rule_answer *answer)
{
    const int ngram = ((const struct rule_repetition *)own)->ngram;
    size_t words, runs, distinct = 1;
    struct repeated_word *word = words_of(answer->text, &words);
    struct repeated_run *run;

    if (words < (size_t)ngram) {
        free(word);
        return 0;
    }
    runs = words - (size_t)ngram + 1;
    run = mem_new(runs, sizeof *run);
    for (size_t i = 0; i < runs; i++)
        run[i] = (struct repeated_run){word + i, ngram};
    qsort(run, runs, sizeof *run, by_words);
    for (size_t i = 1; i < runs; i++)
        distinct += by_words(&run[i - 1], &run[i]) != 0;
    free(run);
    free(word);
    return (float)((double)distinct / (double)runs - 1);
}

static bool binary(const void *own)
{
    return (void)own, false;
}

static const char *const keys[] = {"ngram", NULL};
const struct rule_kind rule_repetition = {.name = "repetition",
                                          .keys = keys,
                                          .read = read_repetition,
                                          .score = score,
                                          .binary = binary};
