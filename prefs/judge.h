/* judge: what people said, a row each, which is never changed (but blanked when somebody is to
 * be forgotten): a judgement, a skip, or an undo, which takes the assignment's last row back.
 *
 * * A row's id is made by the client (random, say a UUID): the same id with the same content
 * again is the same acknowledgement, so that a lost answer can be asked for again. */

#ifndef PREFS_JUDGE_H
#define PREFS_JUDGE_H

#include "prefs/assign.h"

#include <jansson.h>

struct prefs_judgement {
    const char *id; /* 8..PREFS_NAME_MAX bytes of [A-Za-z0-9._-] */
    int64_t assignment, annotator;
    enum prefs_verdict verdict; /* not PREFS_UNDO: prefs_undo */
    int choice;                 /* PREFS_CHOSEN: the candidate (assignment.order[place]) */
    int step;                   /* PREFS_STEP: the first wrong step, from 0; -1: none */
    const json_t *ranking;      /* PREFS_RANKING: [[2], [0, 1], ...]: candidates, best first */
    const json_t *text;         /* PREFS_REWRITTEN: a string or messages */
    int strength;               /* 1 slightly .. 3 much; 0: not asked */
    const json_t *criteria;     /* {name: 1..5}, perhaps a name for each candidate; or NULL */
    const char *reason;         /* or NULL */
    const json_t *flags; /* list of words: "unsafe", "personal", "broken", ...; or NULL */
    int64_t shown_ms;    /* how long the person looked at it; 0: not known */
};

/* Into the open group. *again (may be NULL): the id was there already, nothing was added.
 * Afterwards the item gets one more planned judgement if people differ (settings.overlap_max).
 * Errors: ERR_RANGE (no such assignment of this annotator; a verdict that the mode does not
 * have; a value that cannot be), ERR_STATE (judged already under another id; the id stands for
 * something else; the item was withdrawn). */
enum err prefs_judge(struct prefs *prefs, const struct prefs_judgement *judgement, int64_t now,
                     bool *again) MUST_CHECK;

/* What was judged elsewhere, with its time: an assignment that is over, by plan or as `why`
 * says, and its judgement. order: as the candidates were shown, or NULL: not known, drawn. The
 * id that is there already: *again, whatever else is said. said->assignment is not read.
 * Errors: prefs_judge's; ERR_STATE (this person has judged the item). */
enum err prefs_record(struct prefs *prefs, int64_t item, const int *order, enum prefs_why why,
                      const struct prefs_judgement *said, int64_t at, bool *again) MUST_CHECK;

/* Takes back the person's last judgement or skip, whose assignment is open again: *out, the
 * same item, the same order. `id` as a judgement's. Errors: ERR_STATE: nothing to take back. */
enum err prefs_undo(struct prefs *prefs, const char *id, int64_t annotator, int64_t now,
                    struct prefs_assignment *out, bool *again) MUST_CHECK;

/* A row of the history, as it is read. Borrowed during the visit. */
struct prefs_row {
    int64_t seq; /* rises by one each */
    const char *id;
    struct prefs_assignment assignment;
    const char *item; /* its key */
    enum prefs_mode mode;
    enum prefs_verdict verdict;
    int choice, step, strength;
    int side; /* place of the chosen candidate: 0 left or first; -1: none is chosen */
    const json_t *ranking, *text, *criteria, *flags;
    const char *reason;
    int64_t shown_ms, at;
    int guideline;
    bool stands; /* it is its assignment's judgement now: neither undo, skip nor taken back */
    bool taken_back; /* by a later row */
    int64_t undoes;  /* PREFS_UNDO: seq of the row */
};

/* Rows behind `after`, in order (0: all); standing: only those that stand. annotator, item: 0:
 * all. Errors: ERR_PARSE: a row's checksum does not fit; visit's. */
struct prefs_which {
    int64_t after, annotator, item;
    bool standing;
};
enum err prefs_visit(struct prefs *prefs, const struct prefs_which *which,
                     enum err (*visit)(void *self, const struct prefs_row *row),
                     void *self) MUST_CHECK;

/* {"verdict": "chosen", "choice": 1}: a verdict as JSON: gold answers, exports. The caller's.
 * prefs_verdict_read: of an item with n candidates. Errors: ERR_PARSE, ERR_RANGE. */
json_t *prefs_verdict_json(const struct prefs_judgement *judgement);
enum err prefs_verdict_read(const json_t *verdict, enum prefs_mode mode, int n,
                            struct prefs_judgement *out) MUST_CHECK;
/* Do two verdicts say the same? (strength, reasons aside) */
bool prefs_verdict_same(const struct prefs_judgement *a, const struct prefs_judgement *b);

#endif
