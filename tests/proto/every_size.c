/* Bytes of each message's struct: what a test compares after a way over the wire. */

#include "tests/proto/every.h"

#include "proto/msg_rows.h"

size_t every_size(enum msg_type type)
{
    static const size_t size[MSG_TYPES] = {
#define ROW(TYPE, member, name, table, max) [MSG_##TYPE] = sizeof(struct msg_##member),
#define BARE(TYPE, name)
        MSG_ROWS(ROW, BARE)
#undef ROW
#undef BARE
    };

    return size[type];
}
