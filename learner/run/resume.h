/* resume: an offline run's checkpoints: what it needs to go on with the same bits.
 *
 * Weights, moments, step count and open means; the place in the data follows from the step. A
 * checkpoint belongs to a configuration and to a data set: another one is refused by the key
 * that differs, unless resume_from_checkpoint says so. */

#ifndef LEARNER_RUN_RESUME_H
#define LEARNER_RUN_RESUME_H

#include "base/hash.h"
#include "learner/run/keys.h"
#include "learner/step/metrics.h"
#include "learner/step/trainable.h"

/* The best evaluation so far, whose weights are those of the checkpoint of its step. */
struct resume_best {
    int64_t step; /* 0: none */
    double value;
};

struct resume_state {
    int64_t tokens; /* trained on so far */
    struct resume_best best;
    struct metrics window, total; /* since the last log line; since the start */
};

struct resume {
    const char *folder;   /* output_dir/checkpoints */
    const json_t *config; /* resolved keys */
    struct hash data;     /* of the training corpus */
    size_t keep;          /* checkpoints kept, beside the best one's */
    const char *metric;   /* that `best` is about, and its sign; another's is forgotten */
    bool greater;
    bool force;       /* a changed configuration is noted, not refused */
    float *reference; /* weights of a reference that moves; NULL: none */
    size_t reference_floats;
};

/* Writes a checkpoint and removes old ones. Errors: ERR_IO. */
enum err resume_save(const struct resume *resume, struct trainable *step,
                     const struct resume_state *state) MUST_CHECK;

/* Restores from `path`, or (NULL) from the newest checkpoint that is whole; *found is false
 * when there is none. Errors: ERR_STATE (another configuration or data set), ERR_PARSE (`path`
 * is damaged). */
enum err resume_load(const struct resume *resume, const char *path, struct trainable *step,
                     struct resume_state *state, bool *found) MUST_CHECK;

/* Puts the weights of the best evaluation's checkpoint into `step`, whose count stays: what a run
 * that has come to its end writes as its model. Errors: ERR_IO, ERR_PARSE (it is damaged). */
enum err resume_best_load(const struct resume *resume, const struct resume_best *best,
                          struct trainable *step) MUST_CHECK;

/* What resume_load would say of the newest checkpoint's configuration and data set, before
 * anything is made for the run: OK when there is none. Errors: ERR_STATE, ERR_IO. */
enum err resume_check(const struct resume *resume, const char *path) MUST_CHECK;

/* Errors: ERR_STATE naming the first key that differs and matters. */
enum err resume_same(const json_t *was, const json_t *now) MUST_CHECK;

#endif
