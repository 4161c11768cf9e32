/* cpo: contrastive preference optimisation, by TRL's keys and defaults; loss_type simpo and
 * alphapo included. */

#ifndef LEARNER_OFFLINE_CPO_H
#define LEARNER_OFFLINE_CPO_H

#include "base/err.h"

#include <stdio.h>

/* argv: what follows `cpo` on the command line. */
enum err cpo_main(int argc, char **argv) MUST_CHECK;
void cpo_help(FILE *to);

#endif
