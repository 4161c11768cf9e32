/* stop: Ctrl-C and SIGTERM ask a run to save and end; a second one ends it at once. */

#ifndef LEARNER_RUN_STOP_H
#define LEARNER_RUN_STOP_H

#include <stdbool.h>

void stop_install(void);
bool stop_asked(void);

/* The run is saved, and ends before its end: what its exit status is then. By SIGTERM and the like
 * 0: what was asked for was done. `interrupted`: by a person, as far as the caller knows; what
 * stop_install heard counts too. */
void stop_done(bool interrupted);
/* 0 before that; after a person's Ctrl-C 128 + SIGINT, as shells have it: in `train && use` nothing
 * follows an unfinished run. */
int stop_status(void);

#endif
