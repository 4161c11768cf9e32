/* simpo: preference by mean log-probability: keys of the authors' trainer (beta 2,
 * gamma_beta_ratio 0.25) and TRL's simpo_gamma, which wins when it is given. */

#ifndef LEARNER_OFFLINE_SIMPO_H
#define LEARNER_OFFLINE_SIMPO_H

#include "base/err.h"

#include <stdio.h>

/* argv: what follows `simpo` on the command line. */
enum err simpo_main(int argc, char **argv) MUST_CHECK;
void simpo_help(FILE *to);

#endif
