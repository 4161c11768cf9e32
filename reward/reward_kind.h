/* reward_kind: what a kind of rewards is: how an entry names one and what it says of it, and how
 * answers are scored. Which there are stands in reward_kind.c.
 *
 * One more is a number in proto/noun.h, a file kind_NAME.c and its row in reward_kind.c:
 * rewarders offer it, the `rewards:` list knows its keys, and `drover eval` and `data filter`
 * take it as well when it reads text and needs no model. */

#ifndef REWARD_REWARD_KIND_H
#define REWARD_REWARD_KIND_H

#include "proto/noun.h"

#include <jansson.h>

struct model;
struct model_files;
struct reward;
struct reward_batch;
struct tokenizer;

/* The model that a scorer is, where its kind needs one. */
struct reward_model {
    const struct model *model;
    const struct model_files *files;
};

struct reward_kind {
    enum scorer_kind number;
    const char *word;  /* the key that names it; NULL: no entry can */
    const char *whose; /* "a rule": for errors */
    const char *known; /* its keys, for the error about another; NULL: `read` finds it */
    bool model;        /* it needs a model, which travels by hash */
    bool text;         /* it reads texts; else the policy's tokens */
    bool question;     /* of a dialogue it reads the messages, which travel beside the text */
    bool impure;       /* the same answer may get another score */

    /* The keys that it reads; `alone`: of an entry outside a run. NULL without `word`. */
    bool (*knows)(const char *key, bool alone);
    /* What an entry that gives no name is called; NULL: the entry is of another kind. */
    const char *(*name)(const json_t *entry);
    /* The entry's keys into *to, whose name is there. Errors: ERR_PARSE, ERR_RANGE, ERR_IO name
     * the key. */
    enum err (*read)(struct reward *to, const json_t *entry, bool alone);
    /* Whether the record's column that it reads is there; called when reward->column is set.
     * *lacks: what it has none of so that no answer can be right ("no number"), or NULL.
     * Errors: ERR_RANGE. NULL: it reads none. */
    enum err (*column)(const struct reward *reward, const json_t *meta, const char **lacks);
    /* Whether it can use the model at reward->model. `policy`: whose tokens it will read.
     * NULL without `model`. Errors: ERR_RANGE. */
    enum err (*fits)(const struct reward *reward, const struct model_files *files,
                     const struct tokenizer *policy);
    /* Scores a batch (reward/batch.h); model: NULL unless it needs one. NULL: not scored here.
     * Errors: the kind's; batch->bad is the item it is about. */
    enum err (*score)(struct reward_batch *batch, const struct reward_model *model);
    bool (*binary)(const char *spec); /* its scores are 0 and 1; NULL: they are not */
};

/* The row of a number; NULL: there is none. */
const struct reward_kind *reward_kind_of(uint32_t number);
/* The row of the one kind that an entry names; NULL: of none, or several. `alone`: of those
 * that score here. *given: how many. */
const struct reward_kind *reward_kind_named(const json_t *entry, bool alone, int *given);
/* Row i of those that an entry can name, in the order of errors and help; NULL behind the
 * last. */
const struct reward_kind *reward_kind_row(int i);

#endif
