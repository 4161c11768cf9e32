/* What pages.c (questions) and pages_links.c (givers, what is held) share. */

#ifndef PROTO_PAGES_STATE_H
#define PROTO_PAGES_STATE_H

#include "proto/handover.h"
#include "proto/pages_conf.h"

struct pages_check;
struct pages_give;

enum pages_question_state { PAGES_UNUSED, PAGES_OPENS, PAGES_ASKED, PAGES_HERE, PAGES_CHECKED };

struct pages_question {
    /* OPENS: its place is taken and not listened at yet; HERE: `fd` is to be looked at;
     * CHECKED: is being. */
    enum pages_question_state state;
    struct artifact what;
    char name[HANDOVER_NAME];
    uint32_t ticket;
    int slot, fd;
    int opens;   /* ticks that it was OPENS */
    bool proved; /* HERE: who put it is believed */
    uint8_t nonce[HANDOVER_NONCE];
    int64_t asked_ms, moved_ms; /* asked_ms 0: no tick since */
    uint64_t have;
    struct pages_check *check;
};

struct pages_link {
    int fd; /* -1: none */
    struct handover_who who;
    int64_t heard_ms, until_ms; /* passed over until then */
    bool opens;                 /* somebody has taken the place, and does not listen yet */
    int quiet, cut;             /* how often in a row it was; ended without a good word */
};

struct pages_held {
    struct artifact what;
    char name[HANDOVER_NAME];
    uint32_t ticket; /* names it at every giver that knows of it */
    struct shared_memory *shared;
};

struct pages {
    struct pages_conf conf;
    struct id run;
    bool runs;
    int64_t now_ms; /* of the last turn */
    uint32_t ticket;
    uint64_t moved;
    struct pages_question question[PAGES_MAX];
    struct pages_link link[HANDOVER_SLOTS];
    struct pages_held held[PAGES_HELD]; /* in order of coming */
    int n_held;
    struct pages_give *give; /* NULL: another gives, or none */
    int kick;                /* an eventfd while there is work for the next turn, or -1 */
    char note[192];
};

#endif
