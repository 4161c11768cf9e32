/* sink: where what the broker says goes. The hub stands behind it, or a test. */

#ifndef BROKER_SINK_H
#define BROKER_SINK_H

#include "base/err.h"
#include "proto/frames.h"
#include "proto/msg.h"

/* `link` is the member's, as given to broker_hello. Called at the end of an event, when no state
 * is half changed; broker_gone may be called within refuse, release and strike. */
struct broker_sink {
    void *self;
    /* The frames stay the caller's. Errors: ERR_STATE (full), ERR_IO (connection gone). */
    enum err (*send)(void *self, void *link, enum msg_type type, struct frames *frames);
    /* The hub forgets it. */
    void (*refuse)(void *self, void *link, enum refuse_code code, const char *words);
    void (*release)(void *self, void *link); /* it said BYE: the hub forgets it */
    /* What a correct peer never sends was found later than as it came; NULL: never mind. */
    void (*strike)(void *self, void *link, const char *words);
    /* Where it connected from, and by which key; NULL: nobody knows. */
    void (*origin)(void *self, void *link, struct writer *out);
    void (*publish)(void *self, struct msg *msg); /* STATS: to all who listen */
};

#endif
