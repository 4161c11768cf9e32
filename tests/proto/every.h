/* every: one full example of each message, every member set, for tests and fuzz seeds. */

#ifndef TESTS_PROTO_EVERY_H
#define TESTS_PROTO_EVERY_H

#include "proto/msg.h"

/* What it points to is static. */
struct msg every_message(enum msg_type type);

/* Bytes of the struct that a message is. */
size_t every_size(enum msg_type type);

#endif
