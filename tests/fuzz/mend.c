/* The header is written from nothing, for its integers change their length with their value. */

#include "tests/fuzz/mend.h"

#include "base/hash.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

void mend_head(struct frames *frames, const struct codec_head *head)
{
    msgpack_sbuffer buffer;
    msgpack_packer to;
    uint32_t crc = 0;
    size_t size = 0;

    for (int i = 1; i < frames->n; i++) {
        crc = hash_crc32c(crc, frames_data(frames, i), frames_size(frames, i));
        size += frames_size(frames, i);
    }
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&to, &buffer, msgpack_sbuffer_write);
    msgpack_pack_array(&to, 8);
    msgpack_pack_int(&to, PROTO_MAJOR);
    msgpack_pack_int(&to, (int)head->head.type);
    msgpack_pack_bin(&to, ID_BYTES);
    msgpack_pack_bin_body(&to, head->head.run.byte, ID_BYTES);
    msgpack_pack_uint64(&to, head->head.epoch);
    msgpack_pack_uint64(&to, head->task);
    msgpack_pack_uint32(&to, head->sample);
    msgpack_pack_uint64(&to, size);
    msgpack_pack_uint32(&to, crc);
    zmq_msg_close(&frames->part[0]);
    if (zmq_msg_init_size(&frames->part[0], buffer.size))
        abort();
    memcpy(zmq_msg_data(&frames->part[0]), buffer.data, buffer.size);
    msgpack_sbuffer_destroy(&buffer);
}
