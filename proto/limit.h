/* limit: how large each number that travels may be, and why.
 *
 * A number within its limit may be added to, multiplied as said and put into an int or a size_t
 * by whoever reads it; the codec refuses what is larger, in both directions. What is only ever
 * compared (an incarnation, a seed, a request's number) has none and says so in its table. */

#ifndef PROTO_LIMIT_H
#define PROTO_LIMIT_H

#include "base/hash.h"
#include "proto/msg_bulk.h"
#include "proto/noun.h"
#include "proto/wire.h"

/* Elements of arrays and bytes of texts (docs/PROTOCOL.md §2.4). */
enum {
    MAX_TOKENS = 1 << 18, /* of a prompt, of an answer: a body of 4 MiB holds no more */
    MAX_SAMPLES = 1024,   /* of a task, and rollouts of a ticket */
    MAX_RANGES = 1 << 16, /* settled out of order: 64 samples each in a full window */
    MAX_CLAIMS = 1 << 16, /* samples that one actor holds */
    MAX_LEASES = 1 << 13, /* of one actor: 64 KiB of numbers */
    MAX_TASKS = 1 << 16,  /* cancelled at once: 512 KiB of numbers */
    MAX_SPANS = 1 << 14,  /* weights that changed within one answer */
    MAX_SCORERS = 64,     /* of a run's table */
    MAX_ARTIFACTS = 1024, /* of a run: images of the versions that live, and models */
    MAX_IMAGES = 64,      /* that one actor may say it holds */
    MAX_LAG = 8,      /* versions that an answer may be old (overlap): beyond, nothing learns */
    MAX_LIVE = 10,    /* images an actor keeps: tasks name MAX_LAG + 1 at once, one comes */
    MAX_WANTED = 16,  /* versions that open tasks name: MAX_LAG + 1, and an evaluation's */
    MAX_EARLIER = 64, /* earlier answers that travel with a task: more say nothing new */
    MAX_EARLIER_TOKENS = 16 << 10, /* of all of them: 80 KiB, a fiftieth of a body */
    MAX_STOPS = 8,    /* stop tokens, stop texts: what a request to a hosted model may have */
    MAX_REWARDS = 16, /* of a configuration; with the reference they are the run's scorers */
    MAX_PEERS = 4096, /* connections of a broker (hub_conf) */
    MAX_PAIRS = 1 << 10, /* named in one message about pairs and judgements: 20 KiB of them */
    MAX_SHOWN =
        256 << 10,      /* bytes of a prompt, of an answer that people read: more nobody does */
    WINDOW_EXPORTS = 8, /* pairs on their way to the store: 6 MiB behind a full pipe */
    WINDOW_JUDGEMENTS = 64, /* that are not answered: what one sync of the journal takes */
    MAX_NAME = 256,
    MAX_WORDS = 4096,
    MAX_JSON = 64 << 10,
    MAX_TEXT = 1 << 20,
    MAX_CHUNK = 1 << 20,
    MAX_HAVE = 4 << 10,   /* a bit for each chunk of the largest artifact */
    MAX_GUESTS = 1 << 10, /* keys that one who serves lets in: 32 KiB of them */
    MAX_HOLD = 1 << 10,   /* what a list for people may have */
};

/* Numbers. */
#define LIMIT_TASK (TASK_IDS - 1)           /* id + n cannot wrap */
#define LIMIT_TASK_END TASK_IDS             /* behind the last one: watermark, open_to */
#define LIMIT_VERSION (UINT64_C(1) << 48)   /* of weights, of iterations: sums stay exact */
#define LIMIT_EPOCH (UINT64_C(1) << 48)     /* a start each: epoch + 1 cannot wrap */
#define LIMIT_SERIAL (UINT64_C(1) << 60)    /* leases, tickets: serial + 1 cannot wrap */
#define LIMIT_COUNT (UINT64_C(1) << 53)     /* for people: exact as a number of JSON */
#define LIMIT_ARTIFACT (UINT64_C(32) << 30) /* bytes: digests of all chunks fit one message */
enum {
    LIMIT_CHUNKS = 1 << 15,      /* of an artifact */
    LIMIT_PIECES = 1 << 19,      /* of an artifact */
    LIMIT_MS = INT32_MAX,        /* 24 days; in an int, and far from the end of a clock */
    LIMIT_SHOWN = INT32_MAX,     /* for people: in an int; nothing is reckoned with it */
    LIMIT_CREDIT = MAX_CLAIMS,   /* more than that nobody can hold */
    LIMIT_SLOTS = 4096,          /* sequences, rollouts, processes at once on one machine */
    LIMIT_PROCESSES = MAX_PEERS, /* more a broker does not let in */
    LIMIT_MAJOR = UINT16_MAX,    /* versions of the protocol */
    LIMIT_TOKEN = INT32_MAX,     /* tokens are an int32_t */
    LIMIT_TOP_K = INT32_MAX,     /* in an int: above a vocabulary it means off */
};

_Static_assert(LIMIT_TASK <= UINT64_MAX / 3 && LIMIT_TASK <= INT64_MAX, "ids are added to");
_Static_assert(LIMIT_SERIAL <= INT64_MAX / 2, "serials are added to");
_Static_assert(LIMIT_VERSION <= INT64_MAX / 2 && LIMIT_EPOCH <= INT64_MAX / 2, "so are these");
_Static_assert(LIMIT_COUNT <= INT64_MAX / 512, "counts of a fleet are added up");
_Static_assert(LIMIT_ARTIFACT <= SIZE_MAX / 2, "an artifact is in memory");
_Static_assert(LIMIT_ARTIFACT / HASH_CHUNK <= LIMIT_CHUNKS, "its chunks are numbered");
_Static_assert(LIMIT_CHUNKS *HASH_BYTES <= MAX_CHUNK, "digests of all chunks are one chunk");
_Static_assert(LIMIT_ARTIFACT / PIECE <= LIMIT_PIECES, "its pieces are numbered");
_Static_assert(HASH_CHUNK % PIECE == 0 && PIECE % HASH_BYTES == 0, "no piece is in two chunks");
_Static_assert(LIMIT_CHUNKS / 8 <= MAX_HAVE, "who has a chunk can say so");
_Static_assert(PIECE + MAX_HAVE <= WIRE_CHUNK_MAX, "digests and what is there fit a WCHUNK");
_Static_assert(MAX_GUESTS *HASH_BYTES < WIRE_CONTROL_MAX, "guests fit a control message");
_Static_assert(2 * MAX_TOKENS + MAX_HOLD <= INT32_MAX, "prompt, answer and tail are an int");
_Static_assert(MAX_SAMPLES *(INT64_C(3) * MAX_TOKENS) <= INT32_MAX,
               "a ticket's tokens are too");
_Static_assert(4 * MAX_TOKENS + MAX_TEXT + MAX_JSON + 5 * MAX_EARLIER_TOKENS +
                       WIRE_CONTROL_MAX <
                   WIRE_BODY_MAX,
               "a task fits a body with its earlier answers");
_Static_assert(MAX_CLAIMS * 48 <= WIRE_BODY_MAX, "claims fit a body");
_Static_assert(MAX_RANGES * 16 <= WIRE_BODY_MAX, "ranges fit a body");
_Static_assert(MAX_LEASES * 8 <= WIRE_CONTROL_MAX, "leases fit a control message");
_Static_assert(MAX_LIVE >= MAX_LAG + 2, "tasks of V-lag .. V run while V+1 arrives");
_Static_assert(MAX_LIVE <= MAX_IMAGES, "an actor can say what it holds");
_Static_assert(MAX_REWARDS + 1 <= MAX_SCORERS, "all rewards and the reference are a table");
_Static_assert(MAX_SCORERS <= MAX_HOLD, "a wait each fits the list for people");
_Static_assert(3 * MAX_SHOWN < WIRE_BODY_MAX, "a pair fits a body");
_Static_assert(MAX_PAIRS *(ID_BYTES + 4) < WIRE_CONTROL_MAX, "answers fit a control message");
_Static_assert(MAX_SAMPLES *HASH_BYTES + MAX_TOKENS * 4 <= WIRE_BODY_MAX,
               "a SCORE fits a body");
_Static_assert(WIRE_BODY_MAX <= WIRE_FRAME_MAX && WIRE_CHUNK_MAX <= WIRE_FRAME_MAX,
               "no frame that is allowed ends its connection");
_Static_assert(MAX_TEXT < INT32_MAX && MAX_CHUNK < INT32_MAX, "lengths are ints");

#endif
