/* toy_world: worlds of answers small enough to enumerate, where the best policy is known
 * exactly.
 *
 * P prompts (one token each); every answer of up to T tokens. The gold reward r(x, y) is a sum
 * of random tables over tokens and neighbours, standardised per prompt. For a price of a nat
 * beta the best policy is pi*(y|x) ~ ref(y|x) exp(r/beta), its worth J* = beta mean_x log Z(x),
 * and J* - J(pi) = beta KL(pi || pi*) for every pi: the identity checks J, KL and Z at once. */

#ifndef TESTS_LEARNER_TOY_WORLD_H
#define TESTS_LEARNER_TOY_WORLD_H

#include "learner/iteration/iteration.h"

enum { TOY_PROMPTS = 4, TOY_LONGEST = 5 };

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
void toy_new(struct toy_world **out, bool varied, uint64_t seed, int steps);
void toy_free(struct toy_world *toy);

/* log pi(y|x) of every answer, [P][n] out. */
void toy_logprobs(const struct toy_world *toy, const struct model *model, double *out);

/* The number of an answer. */
int toy_index(const struct toy_world *toy, const int *token, int n);

struct toy_worth {
    double J, J_ref, J_best;
    double kl_best;    /* KL(pi || pi*) */
    double kl, kl_opt; /* KL(pi || ref), KL(pi* || ref) */
    double reward;     /* E r */
    double share;      /* (J - J_ref) / (J* - J_ref) */
    double length;     /* E |y| */
    double mass;       /* sum of pi: 1 */
};
void toy_worth(struct toy_worth *out, const struct toy_world *toy, const struct model *model,
               double beta);

/* One way to be wrong. */
enum toy_bug {
    TOY_SOUND,
    TOY_SIGN,     /* the divergence is rewarded */
    TOY_NO_KL,    /* and forgotten */
    TOY_SHIFTED,  /* advantages one token late */
    TOY_UNMASKED, /* what stands after the end is learnt from too */
    TOY_CENTRED,  /* reward whitening takes the mean away */
    TOY_WHITENED, /* no bug: rewards divided by their spread, the mean kept */
};
const char *toy_bug_name(enum toy_bug bug);

/* PPO as the learner runs it (learner/methods/ppo.c), answers from lm/gen; the linker puts the
 * bug in. Gives the worth of what was learnt. */
void toy_ppo(struct toy_worth *out, const struct toy_world *toy, uint64_t seed, int iterations,
             enum toy_bug bug);

#endif
