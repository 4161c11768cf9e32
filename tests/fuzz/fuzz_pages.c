/* Whoever stands at the host's place for pages, and whoever asks there: any packets, in any order, with
 * descriptors or none.
 *
 * Input: a byte of how, then a packet each 8 bytes: kind, ticket, artifact, size, have, hash, nonce,
 * what comes with it. Even: a stranger asks the process that gives. Odd: a stranger listens at the
 * first place, and answers one that asks. What is taken of it is what was asked for, or nothing. */

#define _GNU_SOURCE /* memfd_create */

#include "base/hash.h"
#include "base/log.h"
#include "proto/handover.h"
#include "proto/pages.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { EACH = 8, SIZE = 5000, WANTS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int64_t now_ms;
static struct hash wanted[WANTS];
static uint8_t image[SIZE];

static void must(bool so)
{
    if (!so)
        abort();
}

static enum err watch(void *self, int fd)
{
    return (void)self, must(fd >= 0), OK;
}

static void unwatch(void *self, int fd)
{
    (void)self, (void)fd;
}

/* A process of our user is taken at its word, but for the size and the seals. */
static enum err answer(void *self, const struct hash *hash, struct shared_memory *shared,
                       int64_t at_ms)
{
    (void)self, (void)hash, (void)at_ms;
    must(!shared || shared_memory_size(shared) == SIZE);
    if (shared)
        shared_memory_free(shared);
    return OK;
}

static enum err pull(void *self, const struct artifact *what, int64_t at_ms)
{
    (void)self, (void)at_ms;
    return what->bytes > SIZE ? err_set(ERR_STATE, "never") : OK;
}

static void unpull(void *self, const struct hash *hash)
{
    (void)self, (void)hash;
}

static void forget(void *self, const struct hash *hash)
{
    (void)self, (void)hash;
}

static struct artifact what(size_t i)
{
    return (struct artifact){
        .hash = wanted[i % WANTS], .bytes = SIZE, .kind = ARTIFACT_IMAGE, .name = "policy"};
}

/* Nothing, a file, pages that are sealed or not, of this size or another. */
static int descriptor(uint8_t how)
{
    int fd;

    if (how % 4 == 0)
        return -1;
    if (how % 4 == 1)
        return open("/dev/null", O_RDWR | O_CLOEXEC);
    fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    must(fd >= 0 && !ftruncate(fd, how & 16 ? SIZE : how));
    if (how % 4 == 3)
        must(!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
    return fd;
}

static void say(int to, const uint8_t *b)
{
    struct handover_packet packet = {.kind = b[0] % (HANDOVER_KINDS + 1),
                                     .ticket = b[1] % 8,
                                     .artifact = b[2],
                                     .bytes = b[3] & 1 ? SIZE : (uint64_t)b[3] << 33,
                                     .have = (uint64_t)b[4] << (b[4] % 57),
                                     .hash = wanted[b[5] % WANTS],
                                     .here = b[6] & 1};
    const int fd = descriptor(b[7]);

    memset(packet.name, b[6] & 2 ? 'x' : 0, sizeof packet.name); /* perhaps without an end */
    if (b[5] & 64)
        packet.hash.byte[0] ^= b[5];
    handover_send(to, &packet, fd);
    if (fd >= 0)
        close(fd);
}

static void turn(struct pages *pages)
{
    now_ms += 300;
    must(!pages_readable(pages, now_ms) && !pages_tick(pages, now_ms));
}

/* What it hears is thrown away: its descriptors, too. */
static void drain(int from)
{
    struct handover_packet packet;
    int fd = -1;

    while (handover_receive(from, &packet, &fd) == 1)
        if (fd >= 0)
            close(fd);
}

static void ask_it(struct pages *pages, const struct id *run, const uint8_t *bytes, size_t n)
{
    struct handover_who who;
    bool nobody;
    int fd;

    for (size_t i = 0; i < WANTS; i++) { /* it becomes the giver, and has one of them */
        const struct artifact one = what(i);
        pages_want(pages, &one);
    }
    turn(pages);
    fd = handover_dial(run, 0, &who, &nobody);
    for (; fd >= 0 && n >= EACH; bytes += EACH, n -= EACH) {
        say(fd, bytes);
        turn(pages);
        drain(fd);
    }
    if (fd >= 0)
        close(fd);
    turn(pages);
}

static void answer_it(struct pages *pages, const struct id *run, const uint8_t *bytes, size_t n)
{
    struct handover_who who;
    int listening, lock, fd;

    if (handover_listen(&listening, &lock, run, 0))
        return;
    for (size_t i = 0; i < WANTS; i++) {
        const struct artifact one = what(i);
        pages_want(pages, &one);
    }
    turn(pages);
    fd = handover_accept(listening, &who);
    for (; fd >= 0 && n >= EACH; bytes += EACH, n -= EACH) {
        drain(fd);
        say(fd, bytes);
        turn(pages);
    }
    if (fd >= 0)
        close(fd);
    handover_unlisten(listening, lock, run, 0);
    turn(pages);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const struct pages_conf conf = {.watch = watch,
                                    .unwatch = unwatch,
                                    .answer = answer,
                                    .pull = pull,
                                    .unpull = unpull,
                                    .let_go = forget};
    static uint64_t runs;
    struct pages *pages;
    struct id run = {{0}};
    const uint64_t mine = (uint64_t)getpid() << 32 | ++runs;

    if (!n)
        return 0;
    if (runs == 1) {
        must(!log_level("error"));
        for (size_t i = 0; i < WANTS; i++) {
            memset(image, (int)i, sizeof image);
            wanted[i] = hash_of(image, sizeof image);
        }
    }
    memcpy(run.byte, &mine, sizeof mine);
    pages_new(&pages, &conf);
    pages_run(pages, &run);
    if (bytes[0] & 1)
        answer_it(pages, &run, bytes + 1, n - 1 < 64 * EACH ? n - 1 : 64 * EACH);
    else
        ask_it(pages, &run, bytes + 1, n - 1 < 64 * EACH ? n - 1 : 64 * EACH);
    pages_free(pages);
    return 0;
}
