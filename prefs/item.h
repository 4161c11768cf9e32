/* item: what there is to judge: a prompt and its candidates. */

#ifndef PREFS_ITEM_H
#define PREFS_ITEM_H

#include "prefs/origin.h"
#include "prefs/prefs.h"

#include <jansson.h>

struct prefs_candidate {
    json_t *content; /* a string; messages (list of objects); PREFS_STEPS: a list of strings */
    char *model;     /* who wrote it, never shown to annotators; NULL: not known */
    json_t *meta;    /* object that goes along (versions, hashes, scores); or NULL */
};

struct prefs_item {
    int64_t id; /* 0 for a new one */
    char *key;  /* the user's own, unique; NULL: the number */
    enum prefs_mode mode;
    json_t *prompt; /* a string or messages; NULL: none */
    struct prefs_candidate candidate[PREFS_CANDIDATES_MAX];
    int n;
    json_t *meta; /* object: further columns of the record that it came from; or NULL */
    json_t *gold; /* {"verdict": word, ...} as prefs_verdict_json writes it, or NULL: a gold
                     question, given as such only and never exported as a preference */
    int overlap;  /* 0: the store's */
    bool withdrawn;
    char *active;    /* the strategy that asked for it, or NULL */
    double priority; /* higher ones first; 0 */
    double chance;   /* with which it was drawn; 1 */
    int64_t at;
    struct prefs_origin *origin; /* of a fleet's pair (origin.h); or NULL */
    /* Filled by reading: judgements that stand, by why: plan and active, disagreement, both
     * without gold, repeats; and whether those of people differ and a reviewer has decided. */
    int planned, extra;
    bool differ, adjudicated;
};
void prefs_item_free(struct prefs_item *item); /* what it holds */

/* Adds one; *id is its number. A key that is there already: OK when the content is the same,
 * else ERR_STATE. Errors: ERR_RANGE names what is wrong with it. */
enum err prefs_item_add(struct prefs *prefs, int64_t *id, const struct prefs_item *item,
                        int64_t now) MUST_CHECK;
/* ERR_RANGE where there is no such item. */
enum err prefs_item_read(struct prefs *prefs, int64_t id, struct prefs_item *out) MUST_CHECK;
enum err prefs_item_find(struct prefs *prefs, const char *key, int64_t *id) MUST_CHECK;

/* Out of the plan (or back in); open assignments end, judgements stay. */
enum err prefs_item_withdraw(struct prefs *prefs, int64_t id, bool withdrawn) MUST_CHECK;
/* A strategy asks for an item: assignments from here on have why "active:STRATEGY". strategy
 * NULL: by plan again. */
enum err prefs_item_prioritise(struct prefs *prefs, int64_t id, const char *strategy,
                               double priority, double chance) MUST_CHECK;

/* The next one in the order of adding behind number `after` (0: the first); out->id is 0 where
 * there is none. */
enum err prefs_item_after(struct prefs *prefs, int64_t after,
                          struct prefs_item *out) MUST_CHECK;
/* Each item in the order of adding; `visit` borrows it. Errors: visit's. */
enum err prefs_item_visit(struct prefs *prefs,
                          enum err (*visit)(void *self, const struct prefs_item *item),
                          void *self) MUST_CHECK;

struct prefs_progress {
    int64_t items, gold, withdrawn; /* items without gold and withdrawn */
    int64_t finished;               /* items that have all that is planned and asked for */
    int64_t wanted, judged;         /* judgements by plan; of them there are */
    int64_t extra, repeats, golds, adjudicated, skips; /* judgements that stand, the rest */
    int64_t open;                                      /* assignments that somebody has now */
    int64_t differ; /* items on which people differ and nobody has decided */
};
enum err prefs_progress(struct prefs *prefs, struct prefs_progress *out) MUST_CHECK;

#endif
