/* optim_rule: which rule an optimiser step follows, by transformers' names, and the step.
 *
 * AdamW (optim.h), and torch's SGD without momentum, RMSprop and Adagrad with the constants that
 * transformers leaves them: decay there is L2, added to the gradient. Same bits on every machine
 * for the same numbers. */

#ifndef LM_OPTIM_OPTIM_RULE_H
#define LM_OPTIM_OPTIM_RULE_H

#include "lm/optim/optim.h"

/* transformers' `optim`. Every AdamW is this one, moments in float32, whatever a name says of
 * 8 bits, pages or devices. Errors: ERR_RANGE names what there is. */
enum err optim_rule_named(enum optim_rule *out, const char *name) MUST_CHECK;

/* One step by conf->rule, t = 1, 2, ...: params change, and of the moments those that the rule
 * has (SGD none; RMSprop and Adagrad v); grad is read. rate: this step's learning rate. */
void optim_rule_step(const struct adamw *conf, struct params *params, const float *grad,
                     float *m, float *v, int64_t t, double rate);

#endif
