/* Guesses are looked for in two places. First among earlier answers to the prompt that began with the
 * very tokens of this one: what each said next is a candidate, as likely as its probability then was (or,
 * where nobody says that, as many of them said it). Where there is none, what followed the longest
 * match of the last tokens, up to DRAFT_MATCH, anywhere, with the probability that it had there: this is prompt lookup (Saxena
 * 2023; transformers' prompt_lookup_num_tokens).
 *
 * The number u with which the next token will be drawn is known beforehand: it is the stream's own
 * (generate.h). A token is drawn if u falls into its share, and shares lie in order of ids. So of two
 * candidates the one is guessed whose share u hits; where the shares of tokens that nobody has said lie
 * is unknown, and of one candidate with share w the chance is that of u falling into an interval of
 * length w which lies anywhere in 0..1: for w above a half it is sure for u in the middle, small at the
 * ends. A chance is scaled by how the stream's guesses of its kind have fared.
 *
 * Called by generate.c for each row that a step may add, all of it again: a few thousand comparisons
 * beside a pass through a model. */

#include "lm/gen/draft.h"

#include "lm/kernel/isa.h"

#include <stdbool.h>
#include <string.h>

enum { CANDIDATES = 16 };
#define UNKNOWN 0.5 /* the share of a token of which nobody says it */
#define FADES 0.95f /* what is left of a guess's weight with each that follows */

/* Tokens that may come, with the weight of those who said them. */
struct candidates {
    int n, said; /* how many; how often in all */
    int token[CANDIDATES], times[CANDIDATES];
    double share[CANDIDATES]; /* sum over `times`; below 0: unknown */
};

const char *draft_unfit(const struct draft_answers *a, int vocab)
{
    uint64_t sum = 0;

    if (a->n > DRAFT_ANSWERS)
        return "more than 64 earlier answers";
    if (a->n_token > DRAFT_TOKENS)
        return "earlier answers of more than 16384 tokens";
    for (uint32_t i = 0; i < a->n; i++) {
        if (!a->each[i])
            return "an earlier answer without tokens";
        sum += a->each[i];
    }
    if (sum != a->n_token)
        return "lengths of earlier answers that do not add up";
    for (uint32_t i = 0; i < a->n_token; i++)
        if (a->token[i] < 0 || a->token[i] >= vocab)
            return "an earlier answer with a token beyond the vocabulary";
    return NULL;
}

/* The latest are heard first; who comes when the list is full is not. */
static void add(struct candidates *c, int token, double share)
{
    int i = 0;

    while (i < c->n && c->token[i] != token)
        i++;
    if (i == CANDIDATES)
        return;
    if (i == c->n) {
        c->n++;
        c->token[i] = token;
        c->times[i] = 0;
        c->share[i] = 0;
    }
    c->times[i]++;
    c->said++;
    c->share[i] = share < 0 || c->share[i] < 0 ? -1 : c->share[i] + share;
}

static void begun_alike(struct candidates *c, const struct draft_answers *a,
                        const struct draft_place *at)
{
    const uint32_t said = (uint32_t)(at->n - at->n_prompt);
    const size_t bytes = said * sizeof *at->token;
    const int32_t *token = a->token + a->n_token;
    const uint8_t *share = a->share ? a->share + a->n_token : NULL;

    for (uint32_t i = a->n; i-- > 0;) {
        token -= a->each[i];
        share -= share ? a->each[i] : 0;
        if (a->each[i] > said && !memcmp(token, at->token + at->n_prompt, bytes))
            add(c, token[said], share && at->u >= 0 ? share[said] / 255.0 : -1);
    }
}

/* Of all places in text[n], the latest first, those behind the longest match with the end of what was
 * said; *longest is what others have matched already. */
static void look_up(struct candidates *c, int *longest, const int *text, const uint8_t *share,
                    int n, const struct draft_place *at)
{
    const int *end = at->token + at->n;

    for (int i = n - 1; i >= *longest && i > 0; i--) {
        int k = 0;

        while (k < DRAFT_MATCH && k < i && k < at->n && text[i - 1 - k] == end[-1 - k])
            k++;
        if (k < *longest)
            continue;
        if (k > *longest)
            *c = (struct candidates){.n = 0};
        *longest = k;
        add(c, text[i], share ? share[i] / 255.0 : UNKNOWN);
    }
}

_Static_assert(sizeof(int) == sizeof(int32_t),
               "tokens of answers are compared as those of a slot");

/* In order of ids, as shares lie. */
static void in_order(struct candidates *c)
{
    for (int i = 1; i < c->n; i++)
        for (int k = i; k > 0 && c->token[k] < c->token[k - 1]; k--) {
            const int token = c->token[k], times = c->times[k];
            const double share = c->share[k];

            c->token[k] = c->token[k - 1];
            c->times[k] = c->times[k - 1];
            c->share[k] = c->share[k - 1];
            c->token[k - 1] = token;
            c->times[k - 1] = times;
            c->share[k - 1] = share;
        }
}

static double clip(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* That u lies in [below + rest X, below + rest X + w), X uniform in 0..1. */
static double chance_of(double u, double below, double w, double rest)
{
    if (rest < 1e-6)
        return u >= below && u < below + w;
    return clip((u - below) / rest) - clip((u - below - w) / rest);
}

/* What came of a stream's guesses of a kind beside what was hoped of them. To begin with, as if four had been
 * hoped for, and had held where the answer began alike, half of them elsewhere. */
static double faring(const struct draft_record *r, enum draft_kind kind)
{
    return (r->held[kind] + (kind == DRAFT_EARLIER ? 4 : 2)) / (r->hoped[kind] + 4);
}

void draft_checked(struct draft_record *r, const struct draft_guess *guess, bool held)
{
    const enum draft_kind kind = guess->kind;

    r->hoped[kind] = FADES * r->hoped[kind] + guess->hope;
    r->held[kind] = FADES * r->held[kind] + (held ? 1 : 0);
}

static void choose(struct draft_guess *out, struct candidates *c, double u)
{
    double weight[CANDIDATES], all = 0, below = 0, best = -1;

    in_order(c);
    for (int i = 0; i < c->n; i++) {
        /* at the same place a share is the token's, whoever said it; elsewhere it is one of several places'; and
         * where shares are unknown there is one more to come that nobody has said, if they do not agree */
        weight[i] = c->share[i] < 0              ? (double)c->times[i] / (c->said + (c->n > 1))
                    : out->kind == DRAFT_EARLIER ? c->share[i] / c->times[i]
                                                 : c->share[i] / c->said;
        all += weight[i];
    }
    for (int i = 0; i < c->n; i++) {
        const double w = all > 1 ? weight[i] / all : weight[i];
        const double chance = u < 0 ? w : chance_of(u, below, w, all > 1 ? 0 : 1 - all);

        below += w;
        if (chance <= best)
            continue;
        best = chance;
        out->token = c->token[i];
    }
    out->hope = (float)clip(best);
}

/* The longest match of all that was said, here and in earlier answers; the latest are heard first. */
static void look_everywhere(struct candidates *c, const struct draft_answers *a,
                            const struct draft_place *at)
{
    const int32_t *token = a->token + a->n_token;
    const uint8_t *share = a->share ? a->share + a->n_token : NULL;
    int longest = 1;

    look_up(c, &longest, at->token, NULL, at->n, at);
    for (uint32_t i = a->n; i-- > 0;) {
        token -= a->each[i];
        share -= share ? a->each[i] : 0;
        look_up(c, &longest, token, share, (int)a->each[i], at);
    }
}

bool draft_next(struct draft_guess *out, const struct draft_record *record,
                const struct draft_answers *a, const struct draft_place *at)
{
    struct candidates c = {.n = 0};

    out->kind = DRAFT_EARLIER;
    begun_alike(&c, a, at);
    if (!c.n) {
        out->kind = DRAFT_LOOKUP;
        look_everywhere(&c, a, at);
    }
    if (!c.n)
        return false;
    choose(out, &c, at->u);
    out->chance = (float)clip(out->hope * faring(record, out->kind));
    return true;
}

/* pass(rows) = 1 + reads (rows - 1) + counts max(0, rows - free): fitted to what `bench_draft rows` gives on
 * SmolLM2-135M's shape, one thread. `reads` is a row's attention and its draw; behind `free` rows arithmetic
 * takes longer than the weights take to come. Plain code computes all the time. */
struct pass_cost {
    float reads, counts;
    int free;
};

static const struct pass_cost *cost_of(enum precision compute)
{
    static const struct pass_cost plain = {1, 0, 0}, bf16 = {0.07f, 0.1f, 7};
    static const struct pass_cost avx2[] = {{0.06f, 0.09f, 8}, {0.12f, 0.3f, 2}};
    static const struct pass_cost avx512[] = {{0.04f, 0.11f, 6}, {0.1f, 0.2f, 3}};
    const char *isa = isa_current()->name;
    const bool half = compute != PRECISION_FLOAT32;

    if (!strcmp(isa, "scalar"))
        return &plain;
    if (!strcmp(isa, "avx2"))
        return &avx2[half];
    return half && !strcmp(isa, "avx512bf16") ? &bf16 : &avx512[half];
}

double draft_pass(enum precision compute, int rows)
{
    const struct pass_cost *c = cost_of(compute);

    return 1 + (double)c->reads * (rows - 1) +
           (rows > c->free ? (double)c->counts * (rows - c->free) : 0);
}

/* Tokens a time grow if the row's own do. */
bool draft_worth(enum precision compute, double chance, int rows, double tokens)
{
    const double now = draft_pass(compute, rows);

    return chance * now > tokens * (draft_pass(compute, rows + 1) - now);
}
