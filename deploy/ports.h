/* ports: the sockets that a local fleet's broker listens on.
 *
 * The supervisor holds them, so a broker that is started again keeps its addresses. */

#ifndef DEPLOY_PORTS_H
#define DEPLOY_PORTS_H

#include "base/err.h"

enum { PORTS = 3, PORTS_TEXT = 128 }; /* control, bulk, dashboard */

struct ports {
    int fd[PORTS];
    char control[PORTS_TEXT], dashboard[PORTS_TEXT]; /* as one dials them from this machine */
    int port;                                        /* control's */
};

/* Listens at `host` ("127.0.0.1", "0.0.0.0", a name): control at `port`, bulk one further, the
 * dashboard five further; port 0: any three that are free. Errors: ERR_IO names the address and
 * the key fleet.port; ERR_RANGE a host that is none. */
enum err ports_open(struct ports *out, const char *host, int port) MUST_CHECK;
void ports_close(struct ports *ports);

#endif
