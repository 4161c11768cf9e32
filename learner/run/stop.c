/* The handler only sets a flag, which offline/cycle asks between micro-batches and the fleet's
 * loop in its own way; it is taken off by the first signal (SA_RESETHAND), so that a second one
 * ends a run that does not get to its next question. SIGHUP counts too unless nohup has said
 * otherwise. */
#include "learner/run/stop.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t asked; /* the first signal's number */
static int status;

static void note(int number)
{
    asked = number;
}

void stop_done(bool interrupted)
{
    status = interrupted || asked == SIGINT ? 128 + SIGINT : 0;
}

int stop_status(void)
{
    return status;
}

void stop_install(void)
{
    struct sigaction action, was;

    memset(&action, 0, sizeof(action));
    action.sa_handler = note;
    sigemptyset(&action.sa_mask);
    /* No SA_RESTART: a wait that is interrupted comes back, and the question is asked. */
    action.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (!sigaction(SIGHUP, NULL, &was) && was.sa_handler != SIG_IGN) /* no nohup */
        sigaction(SIGHUP, &action, NULL);
}

/* Asked often, between micro-batches: a read of one word. */
bool stop_asked(void)
{
    return asked != 0;
}
