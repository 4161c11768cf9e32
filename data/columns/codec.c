/* How it works: each library is given the room that the page's header named, which the caller
 * has held against its limit, and must fill it exactly: what a packed page says of its own size
 * is never believed. `LZ4` without more is two things in files: Hadoop's frames (both sizes in
 * front of each block, big-endian) and, from older writers, one bare block; frames are tried
 * first, as a block that reads as frames to its last byte does not occur. */
#include "data/columns/codec.h"

#include <lz4.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* Asked when the footer is read, so that nothing of such a file is trained on. */
enum err codec_known(int64_t codec)
{
    switch (codec) {
    case CODEC_NONE:
    case CODEC_SNAPPY:
    case CODEC_GZIP:
    case CODEC_LZ4:
    case CODEC_ZSTD:
    case CODEC_LZ4_RAW:
    case CODEC_LZ4_FRAME:
        return OK;
    case CODEC_LZO:
        return err_set(ERR_RANGE, "packed with LZO, which is not read");
    case CODEC_BROTLI:
        return err_set(ERR_RANGE, "packed with brotli, which is not read; write it with "
                                  "compression='zstd'");
    default:
        return err_set(ERR_RANGE, "packed with a codec that has no name (%lld)",
                       (long long)codec);
    }
}

static enum err wrong(const char *codec)
{
    return err_set(ERR_IO, "a page packed with %s is damaged", codec);
}

/* The length in front is checked before the library is let near the room. */
static enum err unpack_snappy(const void *from, size_t n, void *to, size_t room)
{
    size_t size = 0;

    if (snappy_uncompressed_length(from, n, &size) != SNAPPY_OK || size != room ||
        snappy_uncompress(from, n, to, &size) != SNAPPY_OK || size != room)
        return wrong("snappy");
    return OK;
}

/* Several members behind one another are one text, as gzip has it. */
static enum err unpack_gzip(const void *from, size_t n, void *to, size_t room)
{
    z_stream z = {.next_in = (z_const Bytef *)from,
                  .avail_in = (uInt)n,
                  .next_out = to,
                  .avail_out = (uInt)room};
    int code;

    if (inflateInit2(&z, 15 + 32) != Z_OK)
        return wrong("gzip");
    do {
        code = inflate(&z, Z_FINISH);
        if (code != Z_STREAM_END)
            break;
        code = z.avail_in ? inflateReset(&z) : Z_STREAM_END;
    } while (code == Z_OK);
    inflateEnd(&z);
    return code == Z_STREAM_END && !z.avail_out ? OK : wrong("gzip");
}

static enum err unpack_zstd(const void *from, size_t n, void *to, size_t room)
{
    const size_t got = ZSTD_decompress(to, room, from, n);

    return ZSTD_isError(got) || got != room ? wrong("zstd") : OK;
}

/* A block says nothing of its own size: the page's header alone does. */
static enum err unpack_block(const void *from, size_t n, void *to, size_t room)
{
    return LZ4_decompress_safe(from, to, (int)n, (int)room) == (int)room ? OK : wrong("lz4");
}

static uint32_t big32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* One frame's text may be several blocks, each with its packed size in front. */
static enum err unpack_hadoop(const uint8_t *from, size_t n, uint8_t *to, size_t room)
{
    while (n) {
        uint32_t whole;
        if (n < 4 || (whole = big32(from)) > room)
            return wrong("lz4");
        from += 4;
        n -= 4;
        while (whole) {
            uint32_t packed;
            int got;
            if (n < 4 || (packed = big32(from)) > n - 4)
                return wrong("lz4");
            got = LZ4_decompress_safe((const char *)from + 4, (char *)to, (int)packed,
                                      (int)whole);
            if (got <= 0)
                return wrong("lz4");
            from += 4 + packed;
            n -= 4 + packed;
            to += got;
            room -= (size_t)got;
            whole -= (uint32_t)got;
        }
    }
    return room ? wrong("lz4") : OK;
}

/* Arrow's buffers are one frame each, with nothing behind it. */
static enum err unpack_frame(const void *from, size_t n, void *to, size_t room)
{
    LZ4F_dctx *frame = NULL;
    size_t got = room, taken = n, left = 1;

    if (LZ4F_isError(LZ4F_createDecompressionContext(&frame, LZ4F_VERSION)))
        return wrong("lz4");
    left = LZ4F_decompress(frame, to, &got, from, &taken, NULL);
    LZ4F_freeDecompressionContext(frame);
    return left || got != room ? wrong("lz4") : OK;
}

static enum err copy(const void *from, size_t n, void *to, size_t room)
{
    if (n != room)
        return err_set(ERR_IO, "a page that is not packed has two sizes");
    if (n)
        memcpy(to, from, n);
    return OK;
}

enum err codec_unpack(enum codec codec, const void *from, size_t n, void *to, size_t room)
{
    /* The libraries count in int or unsigned. */
    if (n > INT32_MAX || room > INT32_MAX)
        return err_set(ERR_IO, "a page of more than 2 GiB");
    switch (codec) {
    case CODEC_NONE:
        return copy(from, n, to, room);
    case CODEC_SNAPPY:
        return unpack_snappy(from, n, to, room);
    case CODEC_GZIP:
        return unpack_gzip(from, n, to, room);
    case CODEC_ZSTD:
        return unpack_zstd(from, n, to, room);
    case CODEC_LZ4_RAW:
        return unpack_block(from, n, to, room);
    case CODEC_LZ4:
        return unpack_hadoop(from, n, to, room) ? unpack_block(from, n, to, room) : OK;
    case CODEC_LZ4_FRAME:
        return unpack_frame(from, n, to, room);
    case CODEC_LZO:
    case CODEC_BROTLI:
    case CODECS:
        break;
    }
    return codec_known(codec);
}
