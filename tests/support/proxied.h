/* proxied: a proxy (proxy.c) between two ends of a test, as a process of its own. */

#ifndef TESTS_SUPPORT_PROXIED_H
#define TESTS_SUPPORT_PROXIED_H

#include <stdio.h>
#include <sys/types.h>

struct proxied {
    pid_t pid;
    FILE *commands;
    int port; /* dial this one */
};

/* `endpoint` is "tcp://host:port" of the real end. Fails the test if it cannot start. */
void proxied_open(struct proxied *proxied, const char *endpoint);
void proxied_say(struct proxied *proxied, const char *command);
void proxied_close(struct proxied *proxied);

#endif
