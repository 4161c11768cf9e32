/* dpo: direct preference optimisation by TRL's keys and defaults; objective_dpo.h has the
 * losses. `cdpo` is a loss_type of our own: TRL 1.16's sigmoid ignores label_smoothing, so here
 * that pair of keys is an error. */

#ifndef LEARNER_OFFLINE_DPO_H
#define LEARNER_OFFLINE_DPO_H

#include "base/err.h"

#include <stdio.h>

/* argv: what follows `dpo` on the command line. */
enum err dpo_main(int argc, char **argv) MUST_CHECK;
void dpo_help(FILE *to);

#endif
