/* msg: one struct for each message of docs/PROTOCOL.md §3. codec.h moves them. */

#ifndef PROTO_MSG_H
#define PROTO_MSG_H

#include "proto/msg_bulk.h"
#include "proto/msg_peer.h"
#include "proto/msg_stats.h"
#include "proto/msg_work.h"

enum { PROTO_MAJOR = 1 };

enum msg_type {
    MSG_HELLO = 1,
    MSG_WHO,
    MSG_WELCOME,
    MSG_REFUSE,
    MSG_HB,
    MSG_OPEN,
    MSG_CANCEL,
    MSG_LEASE,
    MSG_REVOKE,
    MSG_WANT,
    MSG_ROLLOUT,
    MSG_FAIL,
    MSG_ASK,
    MSG_SCORE,
    MSG_SAMPLE,
    MSG_DROPPED,
    MSG_SETTLED,
    MSG_PUBLISH,
    MSG_OFFER,
    MSG_WREQ,
    MSG_WCHUNK,
    MSG_WNONE,
    MSG_ADMIN,
    MSG_ADMIN_OK,
    MSG_DRAIN,
    MSG_BYE,
    MSG_BYE_OK,
    MSG_STATS,
    MSG_REFUSED,
    MSG_TYPES,
};
const char *msg_name(enum msg_type type); /* "HELLO", "SCORE?", ...; "?" for no type of ours */

/* What every message carries besides: `run` and `epoch` are zero before a learner was heard. */
struct msg_head {
    enum msg_type type;
    struct id run;
    uint64_t epoch;
};

/* A message. WHO and BYE_OK have no body. */
struct msg {
    struct msg_head head;
    union {
        struct msg_hello hello;
        struct msg_welcome welcome;
        struct msg_refuse refuse;
        struct msg_hb hb;
        struct msg_open open;
        struct msg_cancel cancel;
        struct msg_lease lease;
        struct msg_revoke revoke;
        struct msg_want want;
        struct msg_rollout rollout;
        struct msg_fail fail;
        struct msg_ask ask;
        struct msg_score score;
        struct msg_sample sample;
        struct msg_dropped dropped;
        struct msg_settled settled;
        struct msg_publish publish;
        struct msg_offer offer;
        struct msg_wreq wreq;
        struct msg_wchunk wchunk;
        struct msg_wnone wnone;
        struct msg_admin admin;
        struct msg_admin_ok admin_ok;
        struct msg_drain drain;
        struct msg_bye bye;
        struct msg_stats stats;
        struct msg_refused refused;
    };
};

#endif
