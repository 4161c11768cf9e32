/* importance: answers that older weights wrote, and what a step makes of them.
 *
 * behaviour: log-probability under the weights that wrote; proximal: under the weights at the
 * start of the iteration. The surrogate's ratio is taken to the proximal policy (decoupled PPO,
 * Hilton et al. 2021, arXiv:2110.00641; Fu et al. 2025, arXiv:2505.24298), and the loss of a
 * token is weighed by w = exp(proximal - behaviour), of the token or of its whole answer (sum),
 * truncated (min(max(w, low), high)) or masked (0 outside [low, high]), as in TRL 1.16. */

#ifndef LEARNER_OBJECTIVE_IMPORTANCE_H
#define LEARNER_OBJECTIVE_IMPORTANCE_H

#include <stdbool.h>
#include <stdint.h>

enum importance {
    IMPORTANCE_NONE,  /* behaviour is the old policy of the ratio, weights are 1 */
    IMPORTANCE_PLAIN, /* the ratio to the proximal policy, weights are 1 */
    IMPORTANCE_TOKEN_TRUNCATE,
    IMPORTANCE_TOKEN_MASK,
    IMPORTANCE_SEQUENCE_TRUNCATE,
    IMPORTANCE_SEQUENCE_MASK,
};

struct importance_conf {
    enum importance mode;
    double low, high;  /* high: infinity for none */
    bool interpolated; /* proximal = (1 - a) behaviour + a logprob, a by versions: no pass */
};

/* "none", "plain", "token_truncate", ...; NULL-ended. */
extern const char *const importance_names[];

/* Weights of one answer. weight, behaviour, proximal [n]; learn [n], others weigh 1. */
void importance_weigh(float *weight, const float *behaviour, const float *proximal,
                      const uint8_t *learn, int n, const struct importance_conf *conf);

#endif
