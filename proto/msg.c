#include "proto/msg.h"

const char *msg_name(enum msg_type type)
{
    static const char *const name[MSG_TYPES] = {
        [MSG_HELLO] = "HELLO",     [MSG_WHO] = "WHO",         [MSG_WELCOME] = "WELCOME",
        [MSG_REFUSE] = "REFUSE",   [MSG_HB] = "HB",           [MSG_OPEN] = "OPEN",
        [MSG_CANCEL] = "CANCEL",   [MSG_LEASE] = "LEASE",     [MSG_REVOKE] = "REVOKE",
        [MSG_WANT] = "WANT",       [MSG_ROLLOUT] = "ROLLOUT", [MSG_FAIL] = "FAIL",
        [MSG_ASK] = "SCORE?",      [MSG_SCORE] = "SCORE",     [MSG_SAMPLE] = "SAMPLE",
        [MSG_DROPPED] = "DROPPED", [MSG_SETTLED] = "SETTLED", [MSG_PUBLISH] = "PUBLISH",
        [MSG_OFFER] = "OFFER",     [MSG_WREQ] = "WREQ",       [MSG_WCHUNK] = "WCHUNK",
        [MSG_WNONE] = "WNONE",     [MSG_ADMIN] = "ADMIN",     [MSG_ADMIN_OK] = "ADMIN_OK",
        [MSG_DRAIN] = "DRAIN",     [MSG_BYE] = "BYE",         [MSG_BYE_OK] = "BYE_OK",
        [MSG_STATS] = "STATS",     [MSG_REFUSED] = "REFUSED",
    };

    return (unsigned)type < MSG_TYPES && name[type] ? name[type] : "?";
}
