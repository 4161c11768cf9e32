/* letter: one thing that the broker has decided to say. For outbox.c and backlog.c only.
 *
 * It has room for the frames that it has and no more: there is one a message, and thousands may
 * wait behind a peer that does not read. */

#ifndef BROKER_LETTER_H
#define BROKER_LETTER_H

#include "broker/members.h"
#include "proto/frames.h"

enum letter_kind { LETTER_MESSAGE, LETTER_REFUSE, LETTER_RELEASE, LETTER_STRIKE };

struct letter {
    struct letter *next;
    struct broker_member *to; /* NULL: it is gone */
    enum letter_kind kind;
    enum msg_type type;          /* of a message */
    enum refuse_code code;       /* of a refusal, with words; of a strike the words alone */
    char *words;                 /* its own */
    struct letter *otherwise;    /* its own: to be sent if this message cannot be */
    struct broker_member **also; /* who hears this message too; NULL in it: gone */
    uint32_t n_also;
    size_t bytes; /* of its frames */
    int n;
    zmq_msg_t part[];
};

/* Takes the frames over; they may be none (NULL). */
struct letter *letter_new(struct broker_member *to, enum letter_kind kind, enum msg_type type,
                          struct frames *frames);
void letter_free(struct letter *letter); /* with what it would be otherwise */
/* Another one, to `to` alone, that shares the bytes. Errors: ERR_NOMEM. */
enum err letter_share(struct letter **out, const struct letter *in,
                      struct broker_member *to) MUST_CHECK;
/* It is gone: nothing here is for it. */
void letter_forget(struct letter *letter, const struct broker_member *member);

#endif
