/* micro_batch: some sequences, packed for one pass through a model, as the columns that an
 * objective reads.
 *
 * Who trains on files (learner/offline) or on a fleet's answers (learner/iteration) only fills
 * it: micro_batch_begin says how much comes and which columns of struct objective_in there are;
 * then, sequence after sequence, micro_batch_sequence and the tokens of it. What a filler leaves
 * of a column is 0. The models' columns (logprob, entropy, value) and the slopes are made here.
 *
 * There is no padding: tokens of all sequences stand one after another. A sequence may go on
 * behind the first n_prefix tokens of the one before (struct batch): they are then packed and
 * computed once. */

#ifndef LEARNER_STEP_MICRO_BATCH_H
#define LEARNER_STEP_MICRO_BATCH_H

#include "learner/objective/objective.h"
#include "learner/step/trainable.h"

/* Columns of struct objective_in that a filler may fill. */
enum micro_batch_column {
    /* [n] by token */
    MICRO_BATCH_BEHAVIOUR,
    MICRO_BATCH_PROXIMAL,
    MICRO_BATCH_REFERENCE,
    MICRO_BATCH_IMPORTANCE,
    MICRO_BATCH_ADVANTAGE,
    MICRO_BATCH_RETURNS,
    MICRO_BATCH_OLD_VALUE,
    MICRO_BATCH_TARGET,
    /* [n_seq] by sequence */
    MICRO_BATCH_WEIGHT,
    MICRO_BATCH_MARGIN,
    MICRO_BATCH_SOFT,
    MICRO_BATCH_KL_BASELINE,
    MICRO_BATCH_COLUMNS,
    /* not floats: `label`, `role` below */
    MICRO_BATCH_LABEL = MICRO_BATCH_COLUMNS,
    MICRO_BATCH_ROLE,
    /* hit, square and mean_logit of the forward pass are shown to the objective, whose metrics
     * may need them */
    MICRO_BATCH_SEEN,
};

/* Zero it at first. The arrays grow and are reused; `column`, label and role are NULL where the
 * filler did not ask for them. */
struct micro_batch {
    struct batch batch;
    struct objective_in in; /* the same arrays, and what the last forward pass made */
    unsigned columns;       /* 1 << each of those that there are */
    int *token, *seq, *n_prefix;
    uint8_t *learn, *role;
    int8_t *label;
    float *column[MICRO_BATCH_COLUMNS];
    float *logprob, *entropy, *value; /* [n] of the last forward pass, as asked for */
    float *slope[4];                  /* [n] d loss / d of these three and mean_logprob */
    int64_t tokens; /* as TRL counts them: what is shared, once for each sequence */
    float *block;
    size_t room, room_seq; /* tokens, sequences that there is room for */
};
void micro_batch_free(struct micro_batch *b);

/* Empties it, with room for so many tokens and sequences and the columns named by bits. Errors:
 * ERR_NOMEM, ERR_RANGE (tokens that no int counts). */
enum err micro_batch_begin(struct micro_batch *b, unsigned columns, size_t tokens,
                           size_t sequences) MUST_CHECK;
/* The next sequence, and returns its number; it goes on behind n_prefix tokens of the nearest
 * one before that shares none. */
int micro_batch_sequence(struct micro_batch *b, int n_prefix);
/* n more tokens of that sequence; learn [n] as in objective.h, NULL: nothing of them. Returns
 * the place of the first: where their part of each column begins. */
int micro_batch_tokens(struct micro_batch *b, const int *token, const uint8_t *learn, size_t n);
/* Behind the last token: `batch` and `in` are ready for passes. */
void micro_batch_end(struct micro_batch *b);

/* How a model goes over it. */
struct micro_batch_pass {
    const struct objective *objective;
    const void *conf; /* the objective's */
    double temperature;
    /* A value is about the token behind the one at which the model says it: a critic's, which
     * judges the state in which a token was chosen. */
    bool ahead;
    bool bonus; /* the objective's entropy bonus is on: dentropy is wanted */
};

/* Those of logprob, entropy and value that the objective reads. Errors: trainable_forward's. */
enum err micro_batch_forward(struct micro_batch *b, const struct micro_batch_pass *pass,
                             struct trainable *model) MUST_CHECK;
/* Loss, metrics and slopes of what micro_batch_forward has made. in.normaliser, in.step_tokens
 * and in.entropy_coef are the caller's. */
void micro_batch_objective(struct micro_batch *b, const struct micro_batch_pass *pass,
                           struct objective_out *out);
/* Adds the slopes' gradient to the model's. */
void micro_batch_backward(struct micro_batch *b, const struct micro_batch_pass *pass,
                          struct trainable *model, const struct objective_out *out);

#endif
