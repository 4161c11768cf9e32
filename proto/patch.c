/* A block is made by itself: the streams of its changed words (patch_words), or, where too many
 * changed, XOR with the base, its bytes sorted into four planes, each packed or left as it is,
 * whichever is less. So blocks can be taken back in any order and by
 * several threads, and each ends with the digest that the artifact's name is made of: the name of
 * the result costs no further pass.
 *
 * Reading trusts nothing: the size of the image is the reader's own knowledge, the table must add
 * up to the bytes that came, and a packed plane says its size, which must be the one that it has to
 * have (a stream's: at most what it may have), before it is unpacked into memory that is there. What it holds is then judged by
 * the hash of the whole; here only what cannot be a patch is refused. */

#include "proto/patch.h"

#include "base/mem.h"
#include "proto/patch_words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum {
    PLANES = 4,
    PLANE = HASH_CHUNK / PLANES, /* bytes of a whole block's */
    HEAD = 16,
    LEVEL = 1, /* what remains is noise: higher levels find no more in it */
};
_Static_assert((int)PATCH_STREAMS < (int)PLANES && (int)PATCH_WORDS_ROOM <= PLANES * PLANE,
               "streams have the planes' numbers in the table, and their room");
#define OF_WORDS (1U << 31) /* in a block's first number */
static const char magic[8] = "drvpatch";

static size_t blocks_of(size_t n)
{
    return (n + HASH_CHUNK - 1) / HASH_CHUNK;
}

static size_t block_bytes(size_t n, size_t i)
{
    const size_t left = n - i * HASH_CHUNK;

    return left < HASH_CHUNK ? left : (size_t)HASH_CHUNK;
}

/* Of a block that is no multiple of four the first planes have one byte more. */
static size_t plane_bytes(size_t block, int plane)
{
    return (block + PLANES - 1 - (size_t)plane) / PLANES;
}

static void put32(uint8_t *to, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(x >> 8 * i);
}

static uint32_t get32(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static void put64(uint8_t *to, uint64_t x)
{
    put32(to, (uint32_t)x);
    put32(to + 4, (uint32_t)(x >> 32));
}

static uint64_t get64(const uint8_t *from)
{
    return get32(from) | (uint64_t)get32(from + 4) << 32;
}

/* ---- making */

struct patching {
    ZSTD_CCtx *packer;
    uint8_t *plane[PLANES];   /* each [PLANE] */
    struct patch_words words; /* in the same room */
    uint8_t *out;
    size_t n, room;
};

/* The planes of a block's XOR: words first, so that the loop becomes vectors. */
static void split(uint8_t *const *plane, const uint8_t *base, const uint8_t *of, size_t bytes)
{
    uint8_t *const a = plane[0], *const b = plane[1], *const c = plane[2], *const d = plane[3];
    const size_t words = bytes / PLANES;

    for (size_t i = 0; i < words; i++) {
        uint32_t x, y;
        memcpy(&x, base + PLANES * i, sizeof x);
        memcpy(&y, of + PLANES * i, sizeof y);
        x ^= y;
        a[i] = (uint8_t)x;
        b[i] = (uint8_t)(x >> 8);
        c[i] = (uint8_t)(x >> 16);
        d[i] = (uint8_t)(x >> 24);
    }
    for (size_t at = words * PLANES; at < bytes; at++)
        plane[at % PLANES][words] = base[at] ^ of[at];
}

static bool is_zero(const uint8_t *plane, size_t n)
{
    return !n || (!plane[0] && !memcmp(plane, plane + 1, n - 1));
}

/* Bytes that it took. There is room for a plane that is not packed. */
static size_t pack(struct patching *m, const uint8_t *plane, size_t n)
{
    /* what does not get smaller is kept as it is: a packed plane is always less than its plane */
    const size_t packed = ZSTD_compressCCtx(m->packer, m->out + m->n, n - 1, plane, n, LEVEL);

    if (!ZSTD_isError(packed))
        return packed;
    memcpy(m->out + m->n, plane, n);
    return n;
}

/* Streams in one frame each, however small: their sizes are told by nothing else. */
static enum err pack_stream(struct patching *m, uint8_t *number, const uint8_t *stream,
                            size_t n)
{
    const size_t packed =
        n ? ZSTD_compressCCtx(m->packer, m->out + m->n, m->room - m->n, stream, n, LEVEL) : 0;

    if (ZSTD_isError(packed))
        return err_set(ERR_STATE, "a patch: zstd: %s", ZSTD_getErrorName(packed));
    put32(number, (uint32_t)packed);
    m->n += packed;
    return OK;
}

static enum err make_words(struct patching *m, uint8_t *table)
{
    enum err err = OK;

    for (int k = 0; k < PATCH_STREAMS && !err; k++)
        err = pack_stream(m, table + 4 * k, m->words.stream[k], m->words.n[k]);
    put32(table, get32(table) | OF_WORDS);
    put32(table + 4 * (PLANES - 1), 0);
    return err;
}

static enum err make_block(struct patching *m, uint8_t *table, const uint8_t *base,
                           const uint8_t *of, size_t bytes)
{
    const bool same = !memcmp(base, of, bytes);

    if (!same && patch_words_make(&m->words, base, of, bytes))
        return make_words(m, table);
    if (!same)
        split(m->plane, base, of, bytes);
    for (int k = 0; k < PLANES; k++) {
        const size_t n = plane_bytes(bytes, k);
        const size_t took = same || is_zero(m->plane[k], n) ? 0 : pack(m, m->plane[k], n);

        put32(table + 4 * k, (uint32_t)took);
        m->n += took;
    }
    return OK;
}

/* The room is what a patch may take at most to be worth its making: known before it is begun. */
enum err patch_make(uint8_t **out, size_t *n_out, const void *base, const void *of, size_t n,
                    const atomic_bool *stop)
{
    const size_t blocks = blocks_of(n), table = HEAD + blocks * PLANES * 4, most = n - n / 8;
    struct patching m = {.room = table + most + HASH_CHUNK};
    enum err err = mem_big(&m.out, m.room, 1, "a patch");

    *out = NULL;
    if (err)
        return err;
    m.plane[0] = mem_new(PLANES * PLANE, 1);
    for (int k = 1; k < PLANES; k++)
        m.plane[k] = m.plane[k - 1] + PLANE;
    patch_words_new(&m.words, m.plane[0]);
    m.packer = ZSTD_createCCtx();
    if (!m.packer)
        err = err_set(ERR_NOMEM, "a patch: no memory to pack it");
    memcpy(m.out, magic, sizeof magic);
    put64(m.out + sizeof magic, n);
    m.n = table;
    for (size_t i = 0; i < blocks && !err; i++) {
        err = make_block(&m, m.out + HEAD + i * PLANES * 4,
                         (const uint8_t *)base + i * HASH_CHUNK,
                         (const uint8_t *)of + i * HASH_CHUNK, block_bytes(n, i));
        if (!err && m.n - table > most)
            err = err_set(ERR_RANGE, "the difference is nearly as large as the image");
        else if (!err && stop && atomic_load(stop))
            err = err_set(ERR_STATE, "a patch: stopped");
    }
    ZSTD_freeCCtx(m.packer);
    free(m.plane[0]);
    if (err) {
        free(m.out);
        return err;
    }
    *out = mem_grow(m.out, m.n ? m.n : 1, 1); /* the rest of the room goes back */
    *n_out = m.n;
    return OK;
}

/* ---- reading */

static bool is_words(const struct patch *p, size_t i)
{
    return get32(p->bytes + HEAD + i * PLANES * 4) & OF_WORDS;
}

static uint32_t number_of(const struct patch *p, size_t i, int k)
{
    const uint32_t number = get32(p->bytes + HEAD + (i * PLANES + (size_t)k) * 4);

    return k ? number : number & ~OF_WORDS;
}

/* Bytes that a plane, or a packed stream, takes at most. */
static size_t most_of(const struct patch *p, size_t i, int k)
{
    const size_t bytes = block_bytes(p->of_bytes, i);

    if (!is_words(p, i))
        return plane_bytes(bytes, k);
    return k < PATCH_STREAMS ? ZSTD_compressBound(patch_words_most(bytes, k)) : 0;
}

enum err patch_open(struct patch *out, const void *bytes, size_t n, size_t of_bytes)
{
    const size_t blocks = blocks_of(of_bytes), table = HEAD + blocks * PLANES * 4;
    const uint8_t *const from = bytes;
    uint64_t at = table;

    *out = (struct patch){.bytes = from, .n = n, .of_bytes = of_bytes, .blocks = blocks};
    if (n < table || memcmp(from, magic, sizeof magic) ||
        get64(from + sizeof magic) != of_bytes)
        return err_set(ERR_PARSE, "it is no patch of an image of %zu bytes", of_bytes);
    out->at = mem_new(blocks + 1, sizeof *out->at);
    for (size_t i = 0; i < blocks; i++) {
        out->at[i] = at;
        for (int k = 0; k < PLANES; k++) {
            const uint32_t took = number_of(out, i, k);
            if (took > most_of(out, i, k))
                at = UINT64_MAX / 2; /* the sum below says so; no table makes it wrap */
            at += took;
        }
    }
    out->at[blocks] = at;
    if (at == n)
        return OK;
    patch_close(out);
    return err_set(ERR_PARSE, "a patch of %zu bytes whose table says otherwise", n);
}

void patch_close(struct patch *patch)
{
    free(patch->at);
    *patch = (struct patch){.n = 0};
}

/* The plane: zeros in `room`, unpacked there, or as it lies in the patch. NULL: damaged. */
static const uint8_t *plane_of(const uint8_t *from, size_t took, uint8_t *room, size_t n)
{
    if (took == n)
        return from;
    if (!took) {
        memset(room, 0, n);
        return room;
    }
    /* no byte is unpacked of a frame that says another size, or none */
    if (ZSTD_getFrameContentSize(from, took) != n || ZSTD_decompress(room, n, from, took) != n)
        return NULL;
    return room;
}

static void merge(uint8_t *of, const uint8_t *base, const uint8_t *const *plane, size_t bytes)
{
    const uint8_t *const a = plane[0], *const b = plane[1], *const c = plane[2],
                         *const d = plane[3];
    const size_t words = bytes / PLANES;

    for (size_t i = 0; i < words; i++) {
        uint32_t x;
        memcpy(&x, base + PLANES * i, sizeof x);
        x ^= a[i] | (uint32_t)b[i] << 8 | (uint32_t)c[i] << 16 | (uint32_t)d[i] << 24;
        memcpy(of + PLANES * i, &x, sizeof x);
    }
    for (size_t at = words * PLANES; at < bytes; at++)
        of[at] = base[at] ^ plane[at % PLANES][words];
}

/* The block of its planes, or of the streams of its words: NULL, or what is damaged. */
static const char *of_planes(const struct patch *p, size_t i, const uint8_t *base, uint8_t *of,
                             uint8_t *room)
{
    const size_t bytes = block_bytes(p->of_bytes, i);
    const uint8_t *from = p->bytes + p->at[i], *plane[PLANES];

    for (int k = 0; k < PLANES; k++) {
        const uint32_t took = number_of(p, i, k);

        plane[k] = plane_of(from, took, room + k * PLANE, plane_bytes(bytes, k));
        from += took;
        if (!plane[k])
            return "a plane";
    }
    merge(of, base, plane, bytes);
    return NULL;
}

static const char *of_words(const struct patch *p, size_t i, const uint8_t *base, uint8_t *of,
                            uint8_t *room)
{
    const size_t bytes = block_bytes(p->of_bytes, i);
    const uint8_t *from = p->bytes + p->at[i];
    struct patch_words words;

    patch_words_new(&words, room);
    for (int k = 0; k < PATCH_STREAMS; k++) {
        const uint32_t took = number_of(p, i, k);
        const unsigned long long n = took ? ZSTD_getFrameContentSize(from, took) : 0;

        if (n > patch_words_most(bytes, k) || /* an error is more than that, too */
            (took && ZSTD_decompress(words.stream[k], n, from, took) != n))
            return "a stream";
        words.n[k] = n;
        from += took;
    }
    return patch_words_take(&words, base, of, bytes) ? NULL : "what its words are";
}

enum err patch_block(const struct patch *p, size_t i, const void *base, void *of,
                     struct hash *digest)
{
    const size_t bytes = block_bytes(p->of_bytes, i);
    const uint8_t *const old = (const uint8_t *)base + i * HASH_CHUNK;
    uint8_t *const to = (uint8_t *)of + i * HASH_CHUNK;
    const char *damaged = NULL;
    uint8_t *room;
    enum err err = mem_big(&room, PLANES * PLANE, 1, "planes of a patch");

    if (err)
        return err;
    if (p->at[i + 1] == p->at[i])
        memcpy(to, old, bytes);
    else
        damaged = (is_words(p, i) ? of_words : of_planes)(p, i, old, to, room);
    free(room);
    if (damaged)
        return err_set(ERR_PARSE, "block %zu of the patch is damaged: %s", i, damaged);
    *digest = hash_chunk(to, bytes);
    return OK;
}
