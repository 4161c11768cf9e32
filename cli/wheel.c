/* How it works: a wheel is a zip archive, and one member of it is wanted: its directory stands
 * at the end and says where each member is. The archive is mapped, the member found by the end
 * of its name, inflated block by block into a file that appears when its checksum is right.
 *
 * Archives come over the network: every offset and length is compared with what is left before
 * it is used, and a member may not become larger than the directory says. */
#include "cli/wheel.h"

#include "base/fs.h"

#include <string.h>
#include <zlib.h>

enum { BLOCK = 1 << 18 };

/* The archive as mapped. */
struct zip {
    const unsigned char *bytes;
    size_t n;
    const char *name;
};

struct wheel_member {
    size_t at, packed, size; /* bytes of data in the archive, and unpacked */
    unsigned method;
    uLong crc;
};

/* Little-endian, at any address. */
static unsigned u16(const unsigned char *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

static size_t u32(const unsigned char *p)
{
    return (size_t)u16(p) | (size_t)u16(p + 2) << 16;
}

/* The place is told: a damaged download and a hostile one look alike from outside. */
static enum err bad(const struct zip *zip, size_t at, const char *why)
{
    return err_set(ERR_PARSE, "%s: offset %zu: %s", zip->name, at, why);
}

/* The end-of-directory record: at most 64 KiB of comment after it. */
static enum err directory(const struct zip *zip, size_t *at, size_t *count)
{
    if (zip->n < 22)
        return bad(zip, 0, "too short for a zip archive");
    /* From the end: the record comes last, and a comment may follow that holds anything. */
    for (size_t i = zip->n - 22, least = zip->n > 65557 ? zip->n - 65557 : 0;; i--) {
        if (u32(zip->bytes + i) == 0x06054b50) {
            *count = u16(zip->bytes + i + 10);
            *at = u32(zip->bytes + i + 16);
            return *at <= i ? OK : bad(zip, i, "directory lies outside the file");
        }
        if (i == least)
            return bad(zip, zip->n, "not a zip archive: no directory");
    }
}

/* The local header repeats the name with another length of its own: the data begin behind
 * that. */
static enum err local(const struct zip *zip, size_t at, struct wheel_member *m)
{
    const unsigned char *p = zip->bytes + at;

    if (at > zip->n || zip->n - at < 30 || u32(p) != 0x04034b50)
        return bad(zip, at, "no member where the directory points");
    m->at = at + 30 + u16(p + 26) + u16(p + 28);
    if (m->at > zip->n || m->packed > zip->n - m->at)
        return bad(zip, at, "member reaches beyond the file");
    return OK;
}

/* The first member that ends so, by the directory. */
static enum err find(const struct zip *zip, const char *suffix, struct wheel_member *m)
{
    const size_t tail = strlen(suffix);
    size_t at = 0, count = 0;
    enum err err = directory(zip, &at, &count);

    for (; !err && count; count--) {
        const unsigned char *p = zip->bytes + at;
        size_t name;
        if (zip->n - at < 46 || u32(p) != 0x02014b50 || zip->n - at - 46 < u16(p + 28))
            return bad(zip, at, "broken directory entry");
        name = u16(p + 28);
        if (name >= tail && !memcmp(p + 46 + name - tail, suffix, tail)) {
            m->method = u16(p + 10);
            m->crc = (uLong)u32(p + 16);
            m->packed = u32(p + 20);
            m->size = u32(p + 24);
            if (u16(p + 8) & 1)
                return bad(zip, at, "member is encrypted");
            return local(zip, u32(p + 42), m);
        }
        at += 46 + name + u16(p + 30) + u16(p + 32);
        if (at > zip->n)
            return bad(zip, at, "broken directory entry");
    }
    return err ? err : err_set(ERR_STATE, "%s: no member ends with %s", zip->name, suffix);
}

/* Block by block; what comes out beyond the size that the directory promised ends it. */
static enum err inflate_to(const struct zip *zip, const struct wheel_member *m,
                           struct fs_file *file)
{
    static unsigned char block[BLOCK];
    z_stream z = {.next_in = (Bytef *)(zip->bytes + m->at), .avail_in = (uInt)m->packed};
    uLong crc = crc32(0, NULL, 0);
    size_t made = 0;
    int code = inflateInit2(&z, -MAX_WBITS);
    enum err err = code ? err_set(ERR_NOMEM, "no memory to unpack") : OK;

    while (!err && code != Z_STREAM_END) {
        z.next_out = block;
        z.avail_out = sizeof block;
        code = inflate(&z, Z_NO_FLUSH);
        made += sizeof block - z.avail_out;
        crc = crc32(crc, block, (uInt)(sizeof block - z.avail_out));
        if ((code && code != Z_STREAM_END) || made > m->size)
            err = bad(zip, m->at + z.total_in, "damaged data");
        else
            err = fs_put(file, block, sizeof block - z.avail_out);
    }
    inflateEnd(&z);
    if (!err && (crc != m->crc || made != m->size))
        err = bad(zip, m->at, "the checksum differs");
    return err;
}

/* A member that is stored as it is. */
static enum err copy_to(const struct zip *zip, const struct wheel_member *m,
                        struct fs_file *file)
{
    uLong crc = crc32(0, NULL, 0);

    for (size_t at = 0; at < m->packed; at += BLOCK) {
        const size_t n = m->packed - at < BLOCK ? m->packed - at : BLOCK;
        enum err err = fs_put(file, zip->bytes + m->at + at, n);
        if (err)
            return err;
        crc = crc32(crc, zip->bytes + m->at + at, (uInt)n);
    }
    return crc == m->crc && m->packed == m->size ? OK : bad(zip, m->at, "the checksum differs");
}

enum err wheel_extract(const char *wheel, const char *suffix, const char *path)
{
    const void *bytes = NULL;
    struct zip zip = {.name = wheel};
    struct wheel_member m = {0};
    struct fs_file *file = NULL;
    enum err err = fs_map(&bytes, &zip.n, wheel);

    zip.bytes = bytes;
    if (!err)
        err = find(&zip, suffix, &m);
    if (!err && m.method && m.method != Z_DEFLATED)
        err = bad(&zip, m.at, "unknown compression");
    if (!err)
        err = fs_begin(&file, path);
    if (!err) {
        err = m.method ? inflate_to(&zip, &m, file) : copy_to(&zip, &m, file);
        if (err)
            fs_abort(file);
        else
            err = fs_commit(file);
    }
    fs_unmap(bytes, zip.n);
    return err;
}
