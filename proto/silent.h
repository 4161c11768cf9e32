/* silent: connections to a port that have not said a word.
 *
 * ZeroMQ tells nobody of a connection before its first message, not even that it is there: whoever
 * has a key, or none and begins a handshake again and again, could take all descriptors. So they
 * are looked for among the descriptors of the process. Time is an argument, in milliseconds. */

#ifndef PROTO_SILENT_H
#define PROTO_SILENT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SILENT_LOOK_MS = 2000, /* between two looks */
    SILENT_MS = 10000,     /* a peer says HELLO within one second */
    SILENT_MAX = 256,      /* at once, that have been so for a look */
    SILENT_ADDRESS = 64,
};

struct silent;

struct silent_conf {
    bool (*heard)(void *self, int fd); /* did something come by this descriptor? */
    /* One was shut. `address`: of its far end, as numbers. */
    void (*shut)(void *self, const char *address, int64_t now_ms);
    void *self;
};

/* `endpoint`: tcp://HOST:PORT, as it listens. */
void silent_new(struct silent **out, const char *endpoint, const struct silent_conf *conf);
void silent_free(struct silent *silent); /* NULL is fine */

/* Shuts who said nothing for SILENT_MS, and of more than SILENT_MAX those that came first. */
void silent_tick(struct silent *silent, int64_t now_ms);

#endif
