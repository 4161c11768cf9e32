/* sft: supervised fine-tuning on demonstrations, by TRL's keys and defaults. */

#ifndef LEARNER_OFFLINE_SFT_H
#define LEARNER_OFFLINE_SFT_H

#include "base/err.h"

#include <stdio.h>

/* argv: what follows `sft` on the command line. */
enum err sft_main(int argc, char **argv) MUST_CHECK;
void sft_help(FILE *to);

#endif
