/* serve: the broker as a process: three ports, keys, a loop, and the state machine between. */

#ifndef BROKER_SERVE_H
#define BROKER_SERVE_H

#include "base/conf.h"

struct serve_options {
    char *bind, *bulk, *dashboard, *listen_fd, *advertise, *cache, *keys, *ports_file,
        *log_level;
    int parent_fd, key_messages, key_connections;
    double key_bytes;
    bool restarted;
};
extern const struct conf_key serve_keys[];

enum { SERVE_DRAIN_MS = 8000 };

/* Until SIGTERM or SIGINT (at once: members go on when a broker is there again), or until the
 * end of the supervisor's pipe (drains for at most SERVE_DRAIN_MS).
 * Errors: what is wrong with an address, a descriptor, the key or the system. */
enum err serve_run(const struct serve_options *options) MUST_CHECK;

/* Raises this process's limit of descriptors as far as the system lets it. */
void serve_limit(void);

#endif
