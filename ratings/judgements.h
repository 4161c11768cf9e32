/* judgements: what people (and judges) said about items, in memory.
 *
 * A row is one judgement. It may come from a file (judgements_read: JSON lines, CSV, ... by
 * data/rows.h) or from a store, whose reader calls judgements_add. judgements_end then brings
 * rows and names into an order of their own, so that no figure depends on the order in which
 * they came.
 *
 * Of pairs (JUDGEMENTS_PAIRS) a value is a choice between two candidates, and a row may name
 * them; the same two may stand either way round in the rows of an item. Which of them is called
 * "a" means nothing: whoever computes counts both ways round. */

#ifndef RATINGS_JUDGEMENTS_H
#define RATINGS_JUDGEMENTS_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JUDGEMENTS_MAX = 8 << 20,   /* rows; names of items, annotators, values, prompts no more */
    JUDGEMENTS_NAME_MAX = 512,  /* bytes of a name or a value */
    JUDGEMENTS_ITEM_MAX = 1000, /* rows of an item: some figures are over their pairs */
    JUDGEMENTS_X_MAX = 8,       /* covariates of a pair */
};
#define JUDGEMENTS_NONE UINT32_MAX /* a number that stands for nothing */

enum judgements_level {
    JUDGEMENTS_NOMINAL, /* words that are equal or not */
    JUDGEMENTS_ORDINAL, /* numbers of which only the order counts */
    JUDGEMENTS_INTERVAL,
    JUDGEMENTS_RATIO, /* numbers >= 0 with a true zero */
    JUDGEMENTS_PAIRS, /* enum judgements_choice */
};
extern const char *const judgements_levels[]; /* their names, NULL-ended */

enum judgements_choice { CHOICE_A, CHOICE_B, CHOICE_TIE, CHOICE_BOTH_BAD, CHOICES };
enum judgements_side { SIDE_NONE, SIDE_LEFT, SIDE_RIGHT };

/* Why somebody was asked. Agreement is about WHY_PLAN alone; WHY_ACTIVE is told apart. */
enum judgements_why {
    WHY_PLAN,
    WHY_DISAGREEMENT, /* one more because those before disagreed */
    WHY_GOLD,         /* the answer is known */
    WHY_REPEAT,       /* the same person again, for self-consistency */
    WHY_ADJUDICATION,
    WHY_ACTIVE, /* "active:STRATEGY": the item was chosen by a model */
    WHYS,
};
extern const char *const judgements_whys[]; /* "plan", ..., "active", NULL-ended */

/* One judgement as it is said; strings are borrowed, and NULL where nothing is known. */
struct judgements_said {
    const char *item, *annotator; /* wanted */
    const char *value;            /* NULL: asked, and not answered yet. PAIRS: "a" "b" "tie"
                                     "both_bad" "skip", or the name of a candidate, or model_a,
                                     model_b; other levels: a number's text, or a word */
    const char *a, *b;            /* PAIRS: the candidates' names, both or none */
    const char *prompt;           /* whose items belong together; NULL: each its own */
    const char *why;              /* NULL: plan */
    const char *gold;             /* the right value, as `value` */
    int64_t time;                 /* unix ms; < 0: unknown */
    double seconds;               /* it took; NAN: unknown */
    enum judgements_side side;    /* where what was chosen stood */
    bool undone;                  /* taken back later */
    double length_a, length_b;    /* PAIRS: characters of the answers; NAN: unknown */
    const json_t *x;              /* PAIRS: {name: number}, a less b; NULL: none */
};

struct judgements_row {
    uint32_t item, annotator, prompt; /* numbers into the names */
    uint32_t value; /* into `value`, or a choice; JUDGEMENTS_NONE: not answered, or skipped */
    uint32_t gold;  /* the right value; JUDGEMENTS_NONE */
    uint32_t strategy; /* WHY_ACTIVE: into `strategy` */
    enum judgements_why why;
    enum judgements_side side;
    bool skipped, undone;
    bool flipped; /* was given with the item's candidates the other way round; the values here
                     are the item's way round */
    int64_t time;
    double seconds;
    double length;              /* ln of characters of a over those of b; NAN: unknown */
    double x[JUDGEMENTS_X_MAX]; /* NAN: not said */
};

struct judgements_names {
    char **text;
    size_t n;
    json_t *index; /* name -> number */
};

struct judgements {
    enum judgements_level level;
    struct judgements_row *row; /* after judgements_end by item, time, annotator */
    size_t n, room;
    struct judgements_names item, annotator, prompt, value, strategy, candidate, x;
    double *number;         /* [value.n] of levels with numbers, ascending */
    uint32_t (*pair)[2];    /* [item.n] the item's candidates; JUDGEMENTS_NONE: not named */
    size_t rooms[2];        /* allocated elements of `pair` and `number` */
    size_t undone, skipped; /* rows of each */
    size_t replaced;        /* rows of which the same annotator gave a later one */
    json_t *ignored;        /* {key: 1} of a file's rows that nobody asks for */
    bool prompts, sides;    /* some row has one */
};

struct judgements *judgements_new(enum judgements_level level) __attribute__((returns_nonnull));
void judgements_free(struct judgements *all); /* NULL is fine */

/* Errors: ERR_PARSE (a value its level does not know, an unknown `why`, candidates that are not
 * the item's, no item or annotator), ERR_RANGE (too long, too many). The row is then not in. */
enum err judgements_add(struct judgements *all, const struct judgements_said *said) MUST_CHECK;

/* To be called once, behind the last row. Of several planned rows of one annotator for one
 * item the latest counts, and the others are marked undone (`replaced`). Errors: ERR_PARSE
 * (two such without times that tell which was later; an item of two prompts), ERR_RANGE
 * (JUDGEMENTS_ITEM_MAX). */
enum err judgements_end(struct judgements *all) MUST_CHECK;

/* The number of a name. Errors: ERR_RANGE. */
enum err judgements_annotator(uint32_t *out, const struct judgements *all,
                              const char *name) MUST_CHECK;

/* Strikes out an annotator's rows (a judge's, before figures about people). */
void judgements_set_aside(struct judgements *all, uint32_t annotator);

/* One row, an object as judgements_read has them; borrowed. Errors: those of judgements_add. */
enum err judgements_read_row(struct judgements *all, const json_t *row) MUST_CHECK;

/* All rows of some files, and judgements_end. Rows: {"item", "annotator", "value"} and
 * optionally "prompt", "time" (unix ms), "why", "gold", "seconds", "side" ("left" | "right"),
 * "undone", "a" and "b" (names), "answer_a" and "answer_b" (texts) or "length_a" and
 * "length_b" (their characters), "x" ({name: number}). Rows of votes ("model_a", "model_b",
 * "winner", "judge") are taken as pairs whose item is prompt and models. Errors: those of
 * judgements_add and rows_next, with "path:line: ". */
enum err judgements_read(struct judgements *all, const char *const *path, size_t n) MUST_CHECK;

/* Such a row of what was said: read again, it is the same. The caller's. */
json_t *judgements_write_row(const struct judgements_said *said);

#endif
