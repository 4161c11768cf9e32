/* turns_state: who waits for its turn (turns.h). Inside broker/ only. */

#ifndef BROKER_TURNS_STATE_H
#define BROKER_TURNS_STATE_H

#include "broker/members.h"

enum {
    TURNS_MAX = 64,         /* more wait elsewhere: each says HELLO every second */
    TURNS_SILENT_MS = 5000, /* five HELLOs */
    TURNS_YOUNG_MS = 5000,  /* of a new broker: who was served before comes first */
    TURNS_WORDS = 8 * MEMBERS_NAME,
};

struct turns {
    struct turns_one {
        struct id run, peer;
        uint64_t incarnation;
        int64_t since_ms, heard_ms;
        char name[MEMBERS_NAME], host[MEMBERS_NAME], address[ORIGIN_TEXT];
    } one[TURNS_MAX]; /* who is served next stands first */
    uint32_t n;
    bool under_way;          /* a run was served here before this broker, as somebody knows: */
    struct id worked;        /* that one, if it is a worker who knows */
    char words[TURNS_WORDS]; /* for the one that was refused last */
};

#endif
