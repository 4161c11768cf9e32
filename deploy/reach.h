/* reach: does anybody accept a connection at an address? No word is said there. */

#ifndef DEPLOY_REACH_H
#define DEPLOY_REACH_H

#include "base/err.h"

/* tcp://HOST:PORT; blocks, at most wait_ms and what the resolver takes. Errors: ERR_RANGE (no
 * address), ERR_IO: nobody listens there, or nothing comes back (which is what a wall in between
 * looks like); the words say which, and what to look at. */
enum err reach_tcp(const char *endpoint, int wait_ms) MUST_CHECK;

#endif
