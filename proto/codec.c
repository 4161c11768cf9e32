/* A message out: what tables cannot say is checked (codec_check), fields and columns are
 * written behind an empty frame 0, and the header, which needs their bytes and checksum, is
 * put there last. A message in: header, size against its row, checksum, fields, check, in this
 * order, so that nothing is read of what is not whole. Either all of a message is taken or
 * nothing. */

#include "proto/codec.h"

#include "proto/codec_table.h"
#include "proto/cursor.h"

#include <msgpack.h>
#include <stdio.h>
#include <string.h>

/* A row of msg_rows.h: what a message holds and how large all its frames may be. */
struct codec_shape {
    const struct field_table *table;
    size_t max;
};

#define SHAPE(TYPE, member, name, table, max) [MSG_##TYPE] = {&table, max},
#define BARE(TYPE, name) [MSG_##TYPE] = {&codec_peer_nothing, WIRE_CONTROL_MAX},
static const struct codec_shape shapes[MSG_TYPES] = {MSG_ROWS(SHAPE, BARE)};

/* The members of a message; all lie at the same place. */
static const void *body(const struct msg *msg)
{
    return &msg->hello;
}

struct header { /* grows in place */
    size_t n;
    char bytes[WIRE_HEADER_MAX];
};

static int header_write(void *data, const char *bytes, size_t n)
{
    struct header *const header = data;

    if (n > sizeof header->bytes - header->n)
        return -1;
    memcpy(header->bytes + header->n, bytes, n);
    header->n += n;
    return 0;
}

/* Over all frames after the header, in order: a frame that went missing or was swapped shows. */
static uint32_t checksum(const struct frames *frames)
{
    uint32_t crc = 0;

    for (int i = 1; i < frames->n; i++)
        crc = hash_crc32c(crc, frames_data(frames, i), frames_size(frames, i));
    return crc;
}

/* Puts the header into frame 0, which must be empty: fields and columns stand already. */
static enum err put_header(struct frames *frames, const struct msg_head *head,
                           const struct fields_head *place)
{
    struct header header = {0};
    msgpack_packer to;

    msgpack_packer_init(&to, &header, header_write);
    msgpack_pack_array(&to, 8);
    msgpack_pack_int(&to, PROTO_MAJOR);
    msgpack_pack_int(&to, (int)head->type);
    msgpack_pack_bin(&to, ID_BYTES);
    msgpack_pack_bin_body(&to, head->run.byte, ID_BYTES);
    msgpack_pack_uint64(&to, head->epoch);
    msgpack_pack_uint64(&to, place->task);
    msgpack_pack_uint32(&to, place->sample);
    msgpack_pack_uint64(&to, frames_bytes(frames));
    msgpack_pack_uint32(&to, checksum(frames));
    zmq_msg_close(&frames->part[0]);
    if (zmq_msg_init_size(&frames->part[0], header.n)) {
        zmq_msg_init(&frames->part[0]);
        return err_set(ERR_NOMEM, "a header");
    }
    memcpy(zmq_msg_data(&frames->part[0]), header.bytes, header.n);
    return OK;
}

enum err codec_encode(struct frames *out, const struct msg *msg)
{
    const enum msg_type type = msg->head.type;
    const struct codec_shape *shape;
    struct fields_head place = {0, 0};
    uint8_t *unused;
    enum err err;

    if ((unsigned)type >= MSG_TYPES || !shapes[type].table)
        return err_set(ERR_RANGE, "message type %d does not exist", (int)type);
    shape = &shapes[type];
    err = msg->head.epoch > LIMIT_EPOCH ? err_set(ERR_RANGE, "epoch: over its limit")
                                        : codec_check(msg);
    if (!err)
        err = frames_add(out, 0, &unused);
    if (!err)
        err = fields_write(out, body(msg), shape->table, &place);
    if (!err)
        err = put_header(out, &msg->head, &place);
    if (!err && frames_bytes(out) > shape->max)
        err = err_set(ERR_RANGE, "%zu bytes, at most %zu", frames_bytes(out), shape->max);
    if (err) {
        frames_fini(out);
        return err_add("%s", msg_name(type));
    }
    return OK;
}

/* The version first: of another major version nothing else may be understood. */
static enum err read_header(struct codec_head *out, struct cursor *c)
{
    uint64_t major, type, sample, crc;
    const uint8_t *run;
    size_t n;
    const size_t elements = cursor_array(c);

    major = cursor_uint(c);
    if (!c->why && major != PROTO_MAJOR)
        return err_set(ERR_RANGE, "protocol version %llu, ours is %d",
                       (unsigned long long)major, PROTO_MAJOR);
    type = cursor_uint(c);
    run = cursor_bin(c, &n);
    if (n != ID_BYTES || elements < 8)
        cursor_fail(c, "not eight elements, or a run that is not 16 bytes");
    if (c->why)
        return err_set(ERR_PARSE, "header: %s", c->why);
    memcpy(out->head.run.byte, run, ID_BYTES);
    out->head.epoch = cursor_uint(c);
    out->task = cursor_uint(c);
    sample = cursor_uint(c);
    out->body_bytes = cursor_uint(c);
    crc = cursor_uint(c);
    for (size_t i = 8; i < elements && !c->why; i++) /* of a later minor version */
        cursor_skip(c);
    if (!c->why && c->at != c->end)
        cursor_fail(c, "bytes after it");
    if (c->why)
        return err_set(ERR_PARSE, "header: %s", c->why);
    if (type >= MSG_TYPES || !shapes[type].table || sample > UINT32_MAX || crc > UINT32_MAX)
        return err_set(ERR_RANGE, "header: type %llu, sample %llu", (unsigned long long)type,
                       (unsigned long long)sample);
    out->head.type = (enum msg_type)type;
    out->sample = (uint32_t)sample;
    out->crc = (uint32_t)crc;
    return OK;
}

/* For forwarding, too: the bulk port passes on what it never decodes. */
uint64_t codec_major(const struct frames *in)
{
    struct cursor cursor;
    uint64_t major;

    if (in->n < 1 || frames_size(in, 0) > WIRE_HEADER_MAX)
        return 0;
    cursor = cursor_over(frames_data(in, 0), frames_size(in, 0));
    cursor_array(&cursor);
    major = cursor_uint(&cursor);
    return cursor.why ? 0 : major;
}

enum err codec_peek(struct codec_head *out, const struct frames *in)
{
    struct cursor cursor;
    enum err err;

    memset(out, 0, sizeof *out);
    if (in->n < 2)
        return err_set(ERR_PARSE, "%d frames, at least 2", in->n);
    if (frames_size(in, 0) > WIRE_HEADER_MAX)
        return err_set(ERR_PARSE, "header: %zu bytes", frames_size(in, 0));
    cursor = cursor_over(frames_data(in, 0), frames_size(in, 0));
    err = read_header(out, &cursor);
    if (!err && out->head.epoch > LIMIT_EPOCH)
        err = err_set(ERR_RANGE, "header: epoch %llu, at most %llu",
                      (unsigned long long)out->head.epoch, (unsigned long long)LIMIT_EPOCH);
    return err;
}

enum err codec_decode(struct msg *out, const struct frames *in, struct arena *arena)
{
    struct codec_head head;
    struct fields_head place;
    size_t bytes;
    enum err err = codec_peek(&head, in);

    if (err)
        return err;
    bytes = frames_bytes(in);
    if (bytes > shapes[head.head.type].max)
        err = err_set(ERR_RANGE, "%zu bytes, at most %zu", bytes, shapes[head.head.type].max);
    else if (head.body_bytes != bytes - frames_size(in, 0))
        err = err_set(ERR_PARSE, "%zu bytes after the header, it says %llu",
                      bytes - frames_size(in, 0), (unsigned long long)head.body_bytes);
    else if (head.crc != checksum(in))
        err = err_set(ERR_PARSE, "checksum differs");
    memset(out, 0, sizeof *out);
    out->head = head.head;
    place = (struct fields_head){head.task, head.sample};
    if (!err)
        err = fields_read(&out->hello, shapes[head.head.type].table, in, &place, arena);
    if (!err)
        err = codec_check(out);
    return err ? err_add("%s", msg_name(head.head.type)) : OK;
}
