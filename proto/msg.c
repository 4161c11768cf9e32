/* Names are for people and logs: nothing is decided by them. */

#include "proto/msg.h"

const char *msg_name(enum msg_type type)
{
#define NAME(TYPE, member, name, table, max) [MSG_##TYPE] = name,
#define BARE(TYPE, name) [MSG_##TYPE] = name,
    static const char *const names[MSG_TYPES] = {MSG_ROWS(NAME, BARE)};

    return (unsigned)type < MSG_TYPES && names[type] ? names[type] : "?";
}
