/* optim_adafactor: Adafactor (Shazeer & Stern 2018, arXiv:1804.04235) as transformers' Trainer
 * sets it up: the rate is the schedule's, no relative steps, no first moment, no scaling by the
 * weights, updates clipped at a root mean square of 1, squares remembered by 1 - t^-0.8. */

#ifndef LM_OPTIM_OPTIM_ADAFACTOR_H
#define LM_OPTIM_OPTIM_ADAFACTOR_H

#include "lm/optim/optim.h"
#include "lm/optim/optim_target.h"

/* One step, t = 1, 2, ... A matrix (what decays) remembers means of its rows, in the first of v's
 * places for it, and of its columns, in the first of m's; a vector remembers each square in v.
 * Moments are float32's.
 * Same bits on every machine, for any number of threads. */
void optim_adafactor(const struct adamw *conf, const struct optim_target *target, int64_t t,
                     double rate);

#endif
