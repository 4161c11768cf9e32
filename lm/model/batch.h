/* batch: packed tokens, and how a training pass may treat them: what train.h takes. */

#ifndef LM_MODEL_BATCH_H
#define LM_MODEL_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batch {
    int n, n_seq;     /* tokens, sequences */
    const int *token; /* [n] */
    const int *seq;   /* [n_seq+1] where each starts; seq[n_seq] = n */
    /* [n_seq] Sequence i goes on behind the first n_prefix[i] tokens of the nearest sequence before
     * it whose prefix is 0, as if they were its own: positions, attention and its first token's
     * log-probability. What they have in common is computed once, with the same bits. 0: a
     * sequence of its own. NULL: all are. */
    const int *n_prefix;
    /* [n] 0 where no log-probability is asked for: its logits are never made, and every output
     * there is 0. NULL: all are. */
    const uint8_t *wanted;
};

struct train_options {
    bool checkpointing; /* keep only each layer's input; recompute the rest in backward */
    /* Bytes of activations that are kept all the same, of as many of the last layers as that
     * holds: what is kept is not computed again, and no bit depends on it. 0 where nobody planned: none
     * here, a quarter of the weights' size in learner/step. */
    size_t keep;
    struct train_room *room; /* borrowed, shared with models that take turns; NULL: its own */
    /* An optimiser step is one backward pass: it sets the gradient, which is the room's TRAIN_GRADIENT and
     * there before a forward pass, and from that on activations lie in it. false: it adds to any. */
    bool alone;
    bool eight; /* of the optimiser: its moments are kept in 8 bits (lm/optim/moments.h) */
};

/* Dropout on the input of A in the next forward pass and its backward; `on` false: none. What is
 * dropped depends on seed, step and, for each element, its sequence (counted from `first`),
 * position, module and column, not on how a step is cut into micro-batches. So does noise on the
 * input embeddings (NEFTune, Jain et al. 2023, arXiv:2310.05914): uniform in +- noise / sqrt(L D),
 * L the tokens of the sequence, D the width; 0: none. It has no slope. */
struct train_drop {
    bool on;
    double noise;
    uint64_t seed;
    uint32_t step, first;
};

#endif
