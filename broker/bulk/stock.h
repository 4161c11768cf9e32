/* stock: chunks of artifacts in bounded memory, each checked before anybody gets it.
 *
 * Of an artifact it first takes the digests, which must join to its hash, then any chunk in
 * pieces. Or it is lent the artifact's pages, which cost nothing. A chunk gives way to another
 * when nobody here waits for it: first what a host has too, and of these what lay longest.
 * No socket, no clock. What an artifact's pieces are: proto/msg_bulk.h. */

#ifndef BROKER_STOCK_H
#define BROKER_STOCK_H

#include "base/shared_memory.h"
#include "proto/msg.h"

#include <stdbool.h>
#include <stddef.h>

struct stock;
struct supply_hold;

enum { STOCK_PIECES = HASH_CHUNK / PIECE }; /* of a chunk; one bit each in a uint32_t */

struct stock_slot {            /* of a chunk */
    struct stock_block *block; /* NULL: nothing of it is here */
    uint32_t wanted;           /* children whose next pieces are in it: it stays */
    uint32_t holders;          /* hosts that have it, too */
};

struct stock_item { /* an artifact; read-only for others but for what is theirs */
    struct hash hash;
    uint64_t bytes;
    uint32_t chunks, due;        /* due: wanted and not here nor on its way */
    bool have_digest;            /* checked: chunks can be judged */
    struct hash *digest;         /* [chunks] NULL before somebody asks */
    struct stock_slot *slot;     /* [chunks] likewise */
    struct stock_item *next;     /* of all */
    struct supply_hold *hold;    /* supply's: who has it */
    void *digest_from;           /* supply's: who was asked for the digests */
    int64_t wait_ms;             /* supply's: until then no chunk is asked for */
    int64_t alone_ms, lost_ms;   /* depot's: since when nobody has it, no learner; 0: not so */
    uint32_t kind;               /* artifact_kind */
    struct hash of;              /* a patch's or adapter's: the image that it makes */
    uint32_t digest_here;        /* pieces of digests that came */
    struct shared_memory *pages; /* lent, or NULL */
    struct stock_item *same;     /* the next in its bucket */
};

void stock_new(struct stock **out, size_t bytes); /* the limit; at least 4 MiB are taken */
void stock_free(struct stock *stock);
size_t stock_used(const struct stock *stock);

/* A new artifact, or the one that is here: its size is the first that was said, until it proves
 * to be wrong (stock_digest). */
struct stock_item *stock_add(struct stock *stock, const struct artifact *what);
void stock_remove(struct stock *stock, struct stock_item *item); /* and all of it */
struct stock_item *stock_find(const struct stock *stock, const struct hash *hash);
struct stock_item *stock_first(const struct stock *stock); /* then ->next */

/* Somebody asked for it: its tables are made. Errors: ERR_NOMEM. */
enum err stock_open(struct stock_item *item) MUST_CHECK;

enum stock_took {
    STOCK_USELESS, /* not asked for, or here already */
    STOCK_PART,    /* more of it is to come */
    STOCK_WHOLE,   /* checked, here */
    STOCK_FALSE,   /* does not have its hash: all of it is dropped */
};
/* A piece of digests, `n` bytes; index 0 .. stock_digest_pieces - 1. */
enum stock_took stock_digest(struct stock_item *item, uint32_t index, const uint8_t *data,
                             uint32_t n);
uint32_t stock_digest_pieces(const struct stock_item *item);

/* The first chunk from *chunk on that is wanted, and not here nor on its way: false if none. */
bool stock_due(const struct stock_item *item, uint32_t *chunk);
/* Makes room for a chunk that `from` will send. False: all that is here is wanted. */
bool stock_begin(struct stock *stock, struct stock_item *item, uint32_t chunk, void *from);
/* A piece, numbered from the artifact's start, by `from`. */
enum stock_took stock_piece(struct stock *stock, struct stock_item *item, uint32_t index,
                            const uint8_t *data, uint32_t n, const void *from);
/* What stock_begin made room for was not asked of `from`: it is due again. False: it has none. */
bool stock_unbegin(struct stock *stock, const struct stock_item *item, uint32_t chunk,
                   const void *from);
/* `from` will not send what it was asked for (of `item`; NULL: of all): it is due again. How
 * many chunks that were. */
uint32_t stock_forsake(struct stock *stock, const struct stock_item *item, const void *from);

/* The whole artifact as pages of a process of this machine; shared with it. Each chunk is checked
 * before it is given, and one that is false ends the loan. */
void stock_lend(struct stock *stock, struct stock_item *item, struct shared_memory *pages);

bool stock_here(const struct stock_item *item, uint32_t chunk);
/* One child more, or one less, waits for it. */
void stock_want(struct stock_item *item, uint32_t chunk, int by);
/* Bytes of a chunk, or of a piece; NULL if the chunk is not here. */
const uint8_t *stock_chunk(struct stock *stock, struct stock_item *item, uint32_t chunk,
                           uint32_t *n);

/* One host more, or one less, has it. */
void stock_held(struct stock_item *item, uint32_t chunk, int by);

uint32_t stock_size(const struct stock_item *item, uint32_t chunk); /* bytes of a chunk */

#endif
