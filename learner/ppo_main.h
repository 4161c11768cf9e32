/* ppo_main: PPO over a fleet, by TRL's keys: the learner that `drover ppo` starts. */

#ifndef LEARNER_PPO_MAIN_H
#define LEARNER_PPO_MAIN_H

#include "base/err.h"

#include <stdio.h>

/* argv: what follows `ppo` on the command line. */
enum err ppo_main(int argc, char **argv) MUST_CHECK;
void ppo_main_help(FILE *to);

#endif
