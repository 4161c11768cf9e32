/* codec_decode on what a stranger could send.
 *
 * Input, first byte: 0..127 is a message type, then frames as (u16 length, bytes), under an
 * honest header: right length, right checksum, so that the fields are reached. 128..: the
 * example of type (byte & 127) in tests/proto/every.c, then changes as (part, u16 offset, xor).
 * The last bit of the second byte says whether the header is mended after the changes. */

#include "proto/arena.h"
#include "proto/codec.h"
#include "tests/fuzz/mend.h"
#include "tests/proto/every.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void add(struct frames *frames, const void *bytes, size_t n)
{
    uint8_t *to;

    if (!frames_add(frames, n, &to) && n)
        memcpy(to, bytes, n);
}

/* Frame 0 that fits what follows. */
static void mend(struct frames *frames, uint8_t type)
{
    const struct codec_head head = {
        .head = {.type = (enum msg_type)type, .epoch = 4}, .task = 99, .sample = 3};

    mend_head(frames, &head);
}

static void make(struct frames *frames, const uint8_t *bytes, size_t n)
{
    add(frames, "", 0);
    for (size_t at = 1; at + 2 <= n && frames->n < FRAMES_MAX;) {
        size_t size = bytes[at] | (size_t)bytes[at + 1] << 8;
        at += 2;
        size = size < n - at ? size : n - at;
        add(frames, bytes + at, size);
        at += size;
    }
    mend(frames, bytes[0]);
}

static void change(struct frames *frames, const uint8_t *bytes, size_t n)
{
    const enum msg_type type = (enum msg_type)(MSG_HELLO + bytes[0] % (MSG_TYPES - 1));
    const struct msg msg = every_message(type);

    if (codec_encode(frames, &msg))
        abort();
    for (size_t at = 2; at + 4 <= n; at += 4) {
        const int part = bytes[at] % frames->n;
        const size_t size = frames_size(frames, part);
        uint8_t *const to = zmq_msg_data(&frames->part[part]);
        if (size)
            to[(bytes[at + 1] | (size_t)bytes[at + 2] << 8) % size] ^= bytes[at + 3];
    }
    if (n > 1 && bytes[1] & 1)
        mend(frames, (uint8_t)type);
}

/* What was accepted goes out again, and comes back the same. */
static void check(const struct msg *msg, struct arena *arena, size_t size)
{
    struct frames once, twice;
    struct msg again;

    frames_init(&once);
    frames_init(&twice);
    if (codec_encode(&once, msg)) {
        if (size < WIRE_CONTROL_MAX / 2) { /* a sparse map grows when it is written in full */
            fprintf(stderr, "accepted, but over a limit: %s\n", err_text());
            abort();
        }
    } else if (codec_decode(&again, &once, arena) || codec_encode(&twice, &again) ||
               frames_bytes(&once) != frames_bytes(&twice)) {
        fprintf(stderr, "does not come back: %s\n", err_text());
        abort();
    }
    frames_fini(&once);
    frames_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct arena *arena;
    struct frames frames;
    struct msg msg;

    if (!arena)
        arena_new(&arena, CODEC_ARENA);
    if (!n)
        return 0;
    frames_init(&frames);
    if (bytes[0] < 128)
        make(&frames, bytes, n);
    else
        change(&frames, bytes, n);
    if (!codec_decode(&msg, &frames, arena))
        check(&msg, arena, frames_bytes(&frames));
    frames_fini(&frames);
    arena_reset(arena);
    return 0;
}
