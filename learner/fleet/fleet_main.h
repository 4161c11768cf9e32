/* fleet_main: a method over a fleet, by TRL's keys: the learner that `drover METHOD` starts. */

#ifndef LEARNER_FLEET_FLEET_MAIN_H
#define LEARNER_FLEET_FLEET_MAIN_H

#include "learner/methods/fleet_keys.h"

/* argv: what follows the method's name on the command line. Errors: in words for the user. */
enum err fleet_main(const struct method *method, int argc, char **argv) MUST_CHECK;

#endif
