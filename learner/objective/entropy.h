/* entropy: the weight of an entropy bonus, coef times the mean entropy of the learnt tokens.
 *
 * Fixed, or steered to a target after every optimiser step (He et al. 2025, arXiv:2505.22312,
 * section 3.2.5, as in TRL 1.16's GRPOTrainer): where the step's mean entropy is at most the
 * target coef grows by delta, else it falls by delta, within [least, most]; and it weighs only
 * in a step that follows one at or below the target. */

#ifndef LEARNER_OBJECTIVE_ENTROPY_H
#define LEARNER_OBJECTIVE_ENTROPY_H

#include <stdbool.h>

struct entropy_control {
    double coef;
    bool adaptive; /* else coef is fixed, and nothing below is read */
    double least, most, delta;
    double target; /* nats a token */
    double last;   /* mean of the last optimiser step; INFINITY before the first */
};

/* Whether there is a bonus at all, now or later. */
bool entropy_control_on(const struct entropy_control *control);
/* The weight in the next optimiser step. */
double entropy_control_weight(const struct entropy_control *control);
/* After an optimiser step: the sum of the entropies that it gave a bonus to, and how many. */
void entropy_control_update(struct entropy_control *control, double sum, double tokens);

#endif
