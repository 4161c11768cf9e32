/* Bytes of each message's struct: what a test compares after a way over the wire. */

#include "tests/proto/every.h"

size_t every_size(enum msg_type type)
{
    static const size_t size[MSG_TYPES] = {
        [MSG_HELLO] = sizeof(struct msg_hello),
        [MSG_WELCOME] = sizeof(struct msg_welcome),
        [MSG_REFUSE] = sizeof(struct msg_refuse),
        [MSG_HB] = sizeof(struct msg_hb),
        [MSG_OPEN] = sizeof(struct msg_open),
        [MSG_CANCEL] = sizeof(struct msg_cancel),
        [MSG_LEASE] = sizeof(struct msg_lease),
        [MSG_REVOKE] = sizeof(struct msg_revoke),
        [MSG_WANT] = sizeof(struct msg_want),
        [MSG_ROLLOUT] = sizeof(struct msg_rollout),
        [MSG_FAIL] = sizeof(struct msg_fail),
        [MSG_ASK] = sizeof(struct msg_ask),
        [MSG_SCORE] = sizeof(struct msg_score),
        [MSG_SAMPLE] = sizeof(struct msg_sample),
        [MSG_DROPPED] = sizeof(struct msg_dropped),
        [MSG_SETTLED] = sizeof(struct msg_settled),
        [MSG_PUBLISH] = sizeof(struct msg_publish),
        [MSG_OFFER] = sizeof(struct msg_offer),
        [MSG_WREQ] = sizeof(struct msg_wreq),
        [MSG_WCHUNK] = sizeof(struct msg_wchunk),
        [MSG_WNONE] = sizeof(struct msg_wnone),
        [MSG_ADMIN] = sizeof(struct msg_admin),
        [MSG_ADMIN_OK] = sizeof(struct msg_admin_ok),
        [MSG_DRAIN] = sizeof(struct msg_drain),
        [MSG_BYE] = sizeof(struct msg_bye),
        [MSG_STATS] = sizeof(struct msg_stats),
        [MSG_REFUSED] = sizeof(struct msg_refused),
    };

    return size[type];
}
