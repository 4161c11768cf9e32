/* bed: worlds of answers small enough to enumerate, where the best policy is known exactly.
 *
 * P prompts (one token each); every answer of up to T tokens. The gold reward r(x, y) is a sum
 * of random tables over tokens and neighbours, standardised per prompt. For a price of a nat
 * beta the best policy is pi*(y|x) ~ ref(y|x) exp(r/beta), its worth J* = beta mean_x log Z(x),
 * and J* - J(pi) = beta KL(pi || pi*) for every pi: the identity checks J, KL and Z at once. */

#ifndef TESTS_LEARNER_BED_H
#define TESTS_LEARNER_BED_H

#include "learner/iteration/iteration.h"

enum { BED_PROMPTS = 4, BED_LONGEST = 5 };

struct toy_world {
    bool varied;              /* answers end at a token of their own, or at T */
    int vocab, longest, stop; /* stop: the end token, -1 without one */
    int n;                    /* answers a prompt */
    int *answer;              /* [n][longest], filled up with stop */
    int *length;              /* [n], the end token counted */
    double *reward;           /* [P][n] */
    double *reference;        /* [P][n] log ref(y|x) */
    struct params *params;    /* the reference policy */
    float *image;
    struct model *model;
};

/* Fixed: 8 tokens, T = 4: 4096 answers. Varied: 5 tokens and an end, T = 5: 3906 answers. The
 * reference policy is trained for `steps` steps on a random language. */
void bed_new(struct toy_world **out, bool varied, uint64_t seed, int steps);
void bed_free(struct toy_world *bed);

/* log pi(y|x) of every answer, [P][n] out. */
void bed_logprobs(const struct toy_world *bed, const struct model *model, double *out);

/* The number of an answer. */
int bed_index(const struct toy_world *bed, const int *token, int n);

struct bed_worth {
    double J, J_ref, J_best;
    double kl_best;    /* KL(pi || pi*) */
    double kl, kl_opt; /* KL(pi || ref), KL(pi* || ref) */
    double reward;     /* E r */
    double share;      /* (J - J_ref) / (J* - J_ref) */
    double length;     /* E |y| */
    double mass;       /* sum of pi: 1 */
};
void bed_worth(struct bed_worth *out, const struct toy_world *bed, const struct model *model,
               double beta);

/* One way to be wrong. */
enum bed_bug {
    BED_SOUND,
    BED_SIGN,     /* the divergence is rewarded */
    BED_NO_KL,    /* and forgotten */
    BED_SHIFTED,  /* advantages one token late */
    BED_UNMASKED, /* what stands after the end is learnt from too */
    BED_CENTRED,  /* reward whitening takes the mean away */
    BED_WHITENED, /* no bug: rewards divided by their spread, the mean kept */
};
const char *bed_bug_name(enum bed_bug bug);

/* PPO as the learner runs it (ppo.h), answers from lm/gen; the linker puts the bug in.
 * Gives the worth of what was learnt. */
void bed_ppo(struct bed_worth *out, const struct toy_world *bed, uint64_t seed, int iterations,
             enum bed_bug bug);

#endif
