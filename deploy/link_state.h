/* link_state: what a link is, for the files that make it: link.c has the session, link_talk.c what is
 * said in it. */

#ifndef DEPLOY_LINK_STATE_H
#define DEPLOY_LINK_STATE_H

#include "deploy/hosts.h"

#include <stddef.h>

struct bundle;
struct child;
struct loop;

enum link_state {
    LINK_WAIT,   /* for its next try */
    LINK_DIAL,   /* ssh has begun */
    LINK_COPY,   /* the bundle is on its way */
    LINK_JOIN,   /* the supervisor is being started */
    LINK_UP,     /* it runs */
    LINK_ENDING, /* it was told down */
    LINK_ENDED
};

/* What is the same for all links of a head. */
struct link_fleet {
    struct loop *loop;
    const struct bundle *bundle;
    const char *ssh_config; /* "" or NULL: ssh's own */
    /* A letter's fields but the host's own (attach.h); and a ticket for that host, a line. */
    json_t *letter;
    enum err (*ticket)(void *self, const char *host, char **line);
    void *self;
};

enum { LINK_WORDS = 300, LINK_LINE = 1024 };

struct ssh_link {
    const struct link_fleet *fleet;
    char *ssh;
    char name[PLAN_NAME];
    json_t *entry;
    enum link_state state;
    bool wanted;
    struct child *child;
    int in, out; /* to and from it; -1 */
    int file;    /* the bundle while it is sent, -1 */
    size_t left, piece_n, piece_at;
    char *piece;          /* of the bundle, not yet written */
    char *text;           /* lines for it, not yet written */
    char line[LINK_LINE]; /* what it said, up to the end of the line */
    size_t n;
    bool failed; /* it said no: `words` are its own */
    bool lettered,
        ticketed;        /* of this session: it has the letter (or gets the bundle before), */
    bool changing, died; /* its ticket; said so: each once */
    int64_t up_ms;       /* of this session: since when its supervisor is known; 0 */
    char words[LINK_WORDS];  /* what it said last, or why it failed */
    char said[LINK_WORDS];   /* of that, what people were told last */
    char news[LINK_WORDS];   /* what happened there that is worth a minute's notice; */
    int64_t news_ms, now_ms; /* when; of the last tick */
    long pid;                /* of the supervisor there */
    int tries;
    int64_t again_ms, began_ms, ending_ms;
};

#endif
