/* How it works: `last` is the mean entropy of the optimiser step before this one, and decides
 * whether there is a bonus in this; it is part of a checkpoint, for a run that goes on must
 * decide alike. Called before and after each optimiser step. */
#include "learner/objective/entropy.h"

#include <math.h>

bool entropy_control_on(const struct entropy_control *control)
{
    return control->adaptive || control->coef != 0;
}

double entropy_control_weight(const struct entropy_control *control)
{
    return control->adaptive && !(control->last <= control->target) ? 0 : control->coef;
}

void entropy_control_update(struct entropy_control *control, double sum, double tokens)
{
    if (!control->adaptive)
        return;
    control->last = sum / fmax(tokens, 1);
    if (control->last <= control->target)
        control->coef = fmin(control->coef + control->delta, control->most);
    else
        control->coef = fmax(control->coef - control->delta, control->least);
}
