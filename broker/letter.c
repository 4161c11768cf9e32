/* Frames are moved in and out, as libzmq asks for: a part is never copied as mere bytes. */

#include "broker/letter.h"

#include "base/mem.h"

#include <stdlib.h>

static struct letter *with_room(struct broker_member *to, enum letter_kind kind,
                                enum msg_type type, int n)
{
    struct letter *letter = mem_new(1, sizeof *letter + (size_t)n * sizeof *letter->part);

    letter->to = to;
    letter->kind = kind;
    letter->type = type;
    letter->n = n;
    return letter;
}

struct letter *letter_new(struct broker_member *to, enum letter_kind kind, enum msg_type type,
                          struct frames *frames)
{
    struct letter *letter = with_room(to, kind, type, frames ? frames->n : 0);

    if (frames) {
        letter->bytes = frames_bytes(frames);
        frames_give(frames, letter->part);
    }
    return letter;
}

/* A part whose frame was sent or moved is an empty one: to close it is harmless. */
void letter_free(struct letter *letter)
{
    if (letter->otherwise)
        letter_free(letter->otherwise);
    for (int i = 0; i < letter->n; i++)
        zmq_msg_close(&letter->part[i]);
    free(letter->words);
    free(letter->also);
    free(letter);
}

enum err letter_share(struct letter **out, const struct letter *in, struct broker_member *to)
{
    struct letter *letter = with_room(to, in->kind, in->type, in->n);

    *out = NULL;
    letter->bytes = in->bytes;
    for (int i = 0; i < in->n; i++)
        zmq_msg_init(&letter->part[i]);
    for (int i = 0; i < in->n; i++)
        /* zmq_msg_copy marks its source as shared, so it is not const; its bytes stay. */
        if (zmq_msg_copy(&letter->part[i], (zmq_msg_t *)&in->part[i])) {
            letter_free(letter);
            return err_set(ERR_NOMEM, "copy of a message");
        }
    *out = letter;
    return OK;
}

void letter_forget(struct letter *letter, const struct broker_member *member)
{
    if (letter->to == member)
        letter->to = NULL;
    if (letter->otherwise)
        letter_forget(letter->otherwise, member);
    for (uint32_t i = 0; i < letter->n_also; i++)
        if (letter->also[i] == member)
            letter->also[i] = NULL;
}
