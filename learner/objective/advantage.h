/* advantage: how much better an answer's token was than the critic expected.
 *
 * Plain loops in double, in the order of the arrays, so that a run's numbers do not depend on
 * how the batch was gathered. `learn` marks the tokens that the policy wrote; others (a tool's
 * output within an answer) are skipped: they carry neither reward nor value, and one gamma
 * lambda step crosses them. learn may be NULL: all. */

#ifndef LEARNER_OBJECTIVE_ADVANTAGE_H
#define LEARNER_OBJECTIVE_ADVANTAGE_H

#include <stdbool.h>
#include <stdint.h>

/* Generalised advantage estimation over one answer.  Schulman et al. 2016, arXiv:1506.02438,
 * eq. 16, the value after the last token being 0:
 *
 *   delta[t] = reward[t] + gamma value[t+1] - value[t]
 *   advantage[t] = delta[t] + gamma lambda advantage[t+1];  target[t] = advantage[t] + value[t]
 *
 *   advantage, target [n] out, 0 where !learn;  reward, value [n] in */
void advantage_gae(const float *reward, const float *value, const uint8_t *learn, int n,
                   double gamma, double lambda, float *advantage, float *target);

/* V-trace over one answer of older weights.  Espeholt et al. 2018, arXiv:1802.01561, eq. 1,
 * with rho[t] = min(rho_bar, ratio[t]), c[t] = lambda min(1, ratio[t]), and 0 after the last
 * token:
 *
 *   delta[t] = rho[t] (reward[t] + gamma value[t+1] - value[t])
 *   target[t] = value[t] + delta[t] + gamma c[t] (target[t+1] - value[t+1])
 *   advantage[t] = rho[t] (reward[t] + gamma target[t+1] - value[t])
 *
 *   ratio [n] in, of the policy's to the writer's probability; others as above */
void advantage_vtrace(const float *reward, const float *value, const double *ratio,
                      const uint8_t *learn, int n, double gamma, double lambda, double rho_bar,
                      float *advantage, float *target);

enum advantage_mean { ADVANTAGE_CENTRED, ADVANTAGE_KEEP_MEAN };

/* x[t] <- (x[t] - mean) / sqrt(var + 1e-8), plus the mean again with KEEP_MEAN; var is unbiased
 * (n - 1), as TRL's masked_whiten. Only learnt tokens count and change; fewer than two of them
 * stay as they are, for they have no spread. */
void advantage_whiten(float *x, const uint8_t *learn, int n, enum advantage_mean mean);

#endif
