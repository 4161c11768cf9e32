/* stop: Ctrl-C and SIGTERM ask a run to save and end; a second one ends it at once. */

#ifndef LEARNER_RUN_STOP_H
#define LEARNER_RUN_STOP_H

#include <stdbool.h>

void stop_install(void);
bool stop_asked(void);

#endif
