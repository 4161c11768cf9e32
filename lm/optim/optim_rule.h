/* optim_rule: which rule an optimiser step follows, by transformers' names, and the step.
 *
 * AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101, with epsilon outside the bias correction, as
 * PyTorch); torch's SGD, RMSprop and Adagrad, whose decay is L2, added to the gradient;
 * Lion (Chen et al. 2023, arXiv:2302.06675) with adam_beta1 and adam_beta2 as bitsandbytes has
 * it; Adafactor (optim_adafactor.h). Same bits on every machine for the same numbers. */

#ifndef LM_OPTIM_OPTIM_RULE_H
#define LM_OPTIM_OPTIM_RULE_H

#include "lm/optim/optim.h"
#include "lm/optim/optim_target.h"

/* transformers' `optim`. Every AdamW is this one, whatever a name says of pages, devices or 4 bits. *eight (may
 * be NULL): the name says that moments are kept in 8 bits (moments.h). Errors: ERR_RANGE names what there
 * is. */
enum err optim_rule_named(enum optim_rule *out, bool *eight, const char *name) MUST_CHECK;

/* transformers' optim_args, "momentum=0.9,nesterov=true", of a rule that has such; NULL: none.
 * *unread (may be NULL): the first name that is this rule's in transformers but changes nothing
 * there (weight_decay, which is a key of its own), a constant; else NULL. Errors: ERR_RANGE,
 * ERR_PARSE in the words of the pair. */
enum err optim_rule_args(struct optim_args *out, const char **unread, enum optim_rule rule,
                         const char *text) MUST_CHECK;

/* One step by conf->rule, t = 1, 2, ...: weights change, and of the moments those that the rule
 * has (SGD with momentum and Lion m; RMSprop and Adagrad v; AdamW and Adafactor both, Adafactor's of float32);
 * the gradient is read. rate: this step's learning rate. */
void optim_rule_step(const struct adamw *conf, const struct optim_target *target, int64_t t,
                     double rate);

#endif
