/* stepwise: what a process reward model thinks of the steps of one solution. */

#ifndef EVAL_STEPWISE_H
#define EVAL_STEPWISE_H

#include "lm/file/open_model.h"
#include "lm/text/steps.h"

struct stepwise {
    const char *separator; /* stands behind each step */
    int max_prompt;        /* last tokens of a prompt kept */
    enum steps_how how;    /* steps as one number */
};

/* P(right) of each step: *p [*n], freed with free(). `solution` is a list of steps, or a text
 * that is cut at the separator: one of an empty text has no steps, and that is no error.
 * Errors: steps_encode's; ERR_RANGE when it does not fit the model's context. */
enum err stepwise_run(double **p, int *n, const struct open_model *loaded,
                      const struct stepwise *how, const json_t *prompt,
                      const json_t *solution) MUST_CHECK;

#endif
