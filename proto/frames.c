/* Parts of libzmq's own kind, so that sending takes them over without a copy. A frame is
 * closed once, by whoever holds the struct last; after a send its parts are empty, and closing
 * them is harmless. */

#include "proto/frames.h"

void frames_init(struct frames *frames)
{
    frames->n = 0;
}

/* Of a part that was sent closing is harmless: sending left it empty. */
void frames_fini(struct frames *frames)
{
    for (int i = 0; i < frames->n; i++)
        zmq_msg_close(&frames->part[i]);
    frames->n = 0;
}

/* Small frames lie in the part itself, larger ones in memory that libzmq counts the users of:
 * either way it goes where the part goes. */
enum err frames_add(struct frames *frames, size_t size, uint8_t **memory)
{
    if (frames->n == FRAMES_MAX)
        return err_set(ERR_RANGE, "more than %d frames", FRAMES_MAX);
    if (zmq_msg_init_size(&frames->part[frames->n], size))
        return err_set(ERR_NOMEM, "%zu bytes for a frame", size);
    *memory = zmq_msg_data(&frames->part[frames->n++]);
    return OK;
}

enum err frames_share(struct frames *out, const struct frames *in)
{
    frames_init(out);
    for (int i = 0; i < in->n; i++) {
        /* zmq_msg_copy marks its source as shared, so it is not const; its bytes stay. */
        zmq_msg_t *const from = (zmq_msg_t *)&in->part[i];
        zmq_msg_init(&out->part[i]);
        out->n = i + 1;
        if (zmq_msg_copy(&out->part[i], from)) {
            frames_fini(out);
            return err_set(ERR_NOMEM, "copy of a frame");
        }
    }
    return OK;
}

void frames_give(struct frames *frames, zmq_msg_t *part)
{
    for (int i = 0; i < frames->n; i++) {
        zmq_msg_init(&part[i]);
        zmq_msg_move(&part[i], &frames->part[i]); /* fails only of what is no part */
        zmq_msg_close(&frames->part[i]);
    }
    frames->n = 0;
}

void frames_take(struct frames *frames, zmq_msg_t *part, int n)
{
    frames->n = n;
    for (int i = 0; i < n; i++) {
        zmq_msg_init(&frames->part[i]);
        zmq_msg_move(&frames->part[i], &part[i]);
    }
}

const uint8_t *frames_data(const struct frames *frames, int part)
{
    return zmq_msg_data((zmq_msg_t *)&frames->part[part]);
}

size_t frames_size(const struct frames *frames, int part)
{
    return zmq_msg_size(&frames->part[part]);
}

size_t frames_bytes(const struct frames *frames)
{
    size_t sum = 0;

    for (int i = 0; i < frames->n; i++)
        sum += frames_size(frames, i);
    return sum;
}
