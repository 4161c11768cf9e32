/* msg: one struct for each message of docs/PROTOCOL.md §3. codec.h moves them. */

#ifndef PROTO_MSG_H
#define PROTO_MSG_H

#include "proto/msg_bulk.h"
#include "proto/msg_peer.h"
#include "proto/msg_people.h"
#include "proto/msg_rows.h"
#include "proto/msg_stats.h"
#include "proto/msg_work.h"

enum { PROTO_MAJOR = 1 };

#define MSG_NUMBER(TYPE, ...) MSG_##TYPE,
enum msg_type { MSG_NONE, MSG_ROWS(MSG_NUMBER, MSG_NUMBER) MSG_TYPES };
#undef MSG_NUMBER
const char *msg_name(enum msg_type type); /* "HELLO", "SCORE?", ...; "?" for no type of ours */

/* What every message carries besides: `run` and `epoch` are zero before a learner was heard. */
struct msg_head {
    enum msg_type type;
    struct id run;
    uint64_t epoch;
};

/* A message: struct msg_hello hello and so on. WHO and BYE_OK have no body. */
#define MSG_MEMBER(TYPE, member, ...) struct msg_##member member;
#define MSG_NO_MEMBER(TYPE, name)
struct msg {
    struct msg_head head;
    union {
        MSG_ROWS(MSG_MEMBER, MSG_NO_MEMBER)
    };
};
#undef MSG_MEMBER
#undef MSG_NO_MEMBER

#endif
