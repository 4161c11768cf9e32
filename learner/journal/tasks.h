/* tasks: which prompt an id means, under which version, and when it may be opened.
 *
 * All of it is a pure function of the plan, so that whatever is lost can be asked for again.
 * Ids are consecutive: first `eval` tasks under version 0, then batch * iterations tasks of
 * training, then `eval` tasks again, the same prompts, under the last version. An iteration is
 * `batch` tasks, each with `samples` answers, and makes one version. Where tasks whose answers
 * teach nothing are replaced (plan.most), an iteration may be extended while it is the newest:
 * what it takes are the next prompts, and the ids of all that follow move up. */

#ifndef LEARNER_JOURNAL_TASKS_H
#define LEARNER_JOURNAL_TASKS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tasks_kind { TASKS_BEFORE, TASKS_TRAIN, TASKS_AFTER };

struct tasks_plan {
    uint64_t seed;
    uint64_t rows;       /* training prompts */
    bool shuffle;        /* a new order each epoch; else as in the file */
    uint64_t eval;       /* evaluation prompts, 0 for none */
    uint64_t batch;      /* training tasks an iteration */
    uint32_t samples;    /* answers to a training task; to an evaluation's there is one */
    uint64_t iterations; /* versions 1 ... iterations */
    uint64_t most;       /* tasks by which an iteration may be extended; needs lag 0 */
    uint64_t lag;        /* how many versions old a batch is: 0 with overlap none */
    bool free;           /* or any newer one: whatever is the newest as it is written */
};

struct tasks_place {
    enum tasks_kind kind;
    uint64_t row;       /* of the training or evaluation prompts */
    uint64_t iteration; /* TASKS_TRAIN: which one trains it */
    uint64_t version;   /* wanted; with `any` the oldest that will do */
    bool any;
};

struct tasks;
/* Errors: ERR_RANGE (nothing to train on, counts that overflow). */
enum err tasks_new(struct tasks **out, const struct tasks_plan *plan) MUST_CHECK;
void tasks_free(struct tasks *tasks);
const struct tasks_plan *tasks_plan(const struct tasks *tasks);

uint64_t tasks_total(const struct tasks *tasks);

/* id < tasks_total. Remembers the order of one epoch, which is dear to make. */
struct tasks_place tasks_at(struct tasks *tasks, uint64_t id);

/* Answers to a task; where an answer stands among all there may be: never moves. */
uint32_t tasks_samples(const struct tasks *tasks, uint64_t id);
uint64_t tasks_room(const struct tasks *tasks); /* answers at most */
uint64_t tasks_index(const struct tasks *tasks, uint64_t id, uint32_t sample);

/* One task more in this iteration, none of whose followers was opened; false: it has `most`. */
bool tasks_extend(struct tasks *tasks, uint64_t iteration);

/* Takes tasks from the end of the newest iteration, down to id `end`: as if it had not been
 * extended that far. */
void tasks_shorten(struct tasks *tasks, uint64_t iteration, uint64_t end);

/* Training ends with this version, which is not the last: the tasks behind it keep their ids
 * and are asked of nobody, and the last evaluation is under it. */
void tasks_cut(struct tasks *tasks, uint64_t version);

/* The first id of an iteration's batch; at `iterations`, of the last evaluation. */
uint64_t tasks_first(const struct tasks *tasks, uint64_t iteration);

/* Ids below this may be open when `version` is the newest:
 * id - dropped < (version + lag + 1) batch, after the first evaluation; the last evaluation
 * opens with the last version. */
uint64_t tasks_window(const struct tasks *tasks, uint64_t version, uint64_t dropped);

/* The smallest version that a task from `id` on may name. */
uint64_t tasks_oldest(struct tasks *tasks, uint64_t id);

#endif
