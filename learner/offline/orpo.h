/* orpo: likelihood and preference in one, by TRL's keys and defaults. */

#ifndef LEARNER_OFFLINE_ORPO_H
#define LEARNER_OFFLINE_ORPO_H

#include "base/err.h"

#include <stdio.h>

/* argv: what follows `orpo` on the command line. */
enum err orpo_main(int argc, char **argv) MUST_CHECK;
void orpo_help(FILE *to);

#endif
