/* kto: learning from answers that are good or not, by TRL's keys and defaults. */

#ifndef LEARNER_OFFLINE_KTO_H
#define LEARNER_OFFLINE_KTO_H

#include "base/err.h"

#include <stdio.h>

/* argv: what follows `kto` on the command line. */
enum err kto_main(int argc, char **argv) MUST_CHECK;
void kto_help(FILE *to);

#endif
