/* Each member is a `pages` with an owner as fetch is one: what pages_want leaves to the wire is
 * pulled, what is whole is put and held. */

#include "tests/proto/household.h"

#include "tests/support/test.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool starving;

static bool stopped(int pid)
{
    assert_int_equal(pid, getpid());
    return !starving;
}

void household_starve(void)
{
    starving = true;
}

/* The hash is reckoned once. */
struct artifact household_what(int i, size_t size)
{
    static struct hash known[HOUSEHOLD_WANTS];
    static bool knows[HOUSEHOLD_WANTS];

    assert_int_equal(size, HOUSEHOLD_SIZE);
    if (!knows[i]) {
        struct shared_memory *const shared = household_bytes(i, size);
        known[i] = hash_of(shared_memory_bytes(shared), size);
        knows[i] = true;
        shared_memory_free(shared);
    }
    return (struct artifact){.hash = known[i],
                             .bytes = size,
                             .kind = i % 2 ? ARTIFACT_CARD : ARTIFACT_IMAGE,
                             .name = "policy"};
}

struct shared_memory *household_bytes(int i, size_t size)
{
    struct shared_memory *shared;
    unsigned char *bytes;

    assert_ok(shared_memory_new(&shared, size, "bytes"));
    bytes = shared_memory_bytes(shared);
    for (size_t k = 0; k < size; k++)
        bytes[k] = (unsigned char)(k * 7 + (k >> 9) + (size_t)i * 31);
    memcpy(bytes, &i, sizeof i);
    assert_ok(shared_memory_seal(shared));
    return shared;
}

static int number_of(const struct hash *hash)
{
    for (int i = 0; i < HOUSEHOLD_WANTS; i++) {
        const struct artifact what = household_what(i, HOUSEHOLD_SIZE);
        if (hash_same(&what.hash, hash))
            return i;
    }
    fail_msg("an artifact that nobody asked for");
    return -1;
}

static enum err watch(void *self, int fd)
{
    struct household_member *member = self;

    assert_true(fd >= 0);
    member->fds++;
    return OK;
}

static void unwatch(void *self, int fd)
{
    struct household_member *member = self;

    (void)fd;
    member->fds--;
}

static struct household_want *find(struct household_member *member, const struct hash *hash)
{
    for (int i = 0; i < HOUSEHOLD_WANTS; i++)
        if (member->want[i].used && hash_same(&member->want[i].what.hash, hash))
            return &member->want[i];
    return NULL;
}

static struct household_want *begin(struct household_member *member,
                                    const struct artifact *what)
{
    struct household_want *want = find(member, &what->hash);

    for (int i = 0; i < HOUSEHOLD_WANTS && !want; i++)
        if (!member->want[i].used)
            want = &member->want[i];
    assert_non_null(want);
    want->used = true;
    want->what = *what;
    want->what.name = "policy";
    return want;
}

static void to_the_wire(struct household_member *member, struct household_want *want)
{
    if (!want->wire)
        member->house->pulls++;
    want->wire = true;
}

static void got(struct household_member *member, int i, struct shared_memory *shared)
{
    const struct artifact what = household_what(i, HOUSEHOLD_SIZE);
    const struct hash hash = hash_of(shared_memory_bytes(shared), shared_memory_size(shared));

    assert_true(hash_same(&hash, &what.hash));
    assert_null(member->got[i]);
    member->got[i] = shared;
    member->gots++;
}

static enum err answer(void *self, const struct hash *hash, struct shared_memory *shared,
                       int64_t now_ms)
{
    struct household_member *member = self;
    struct household_want *const want = find(member, hash);

    (void)now_ms;
    assert_non_null(want);
    assert_true(want->own);
    if (!shared) {
        member->nones++;
        to_the_wire(member, want);
        return OK;
    }
    want->used = want->own = want->wire = false;
    got(member, number_of(hash), shared);
    return OK;
}

static enum err pull(void *self, const struct artifact *what, int64_t now_ms)
{
    struct household_want *const want = begin(self, what);

    (void)now_ms;
    assert_int_equal(what->bytes, HOUSEHOLD_SIZE);
    to_the_wire(self, want);
    want->others = true;
    return OK;
}

static void unpull(void *self, const struct hash *hash)
{
    struct household_want *const want = find(self, hash);

    if (!want)
        return;
    want->others = false;
    if (!want->own)
        memset(want, 0, sizeof *want);
}

static uint64_t progress(void *self, const struct hash *hash)
{
    const struct household_want *const want = find(self, hash);

    return want ? want->bytes : 0;
}

static void released(void *self, const struct hash *hash)
{
    struct household_member *member = self;

    (void)hash;
    member->released++;
}

void household_open(struct household *house)
{
    starving = false;
    memset(house, 0, sizeof *house);
    randombytes_buf(house->run.byte, sizeof house->run.byte);
    house->now_ms = 1000000;
}

struct household_member *household_join(struct household *house, enum household_kind kind)
{
    struct household_member *const member = &house->member[house->n++];
    struct pages_conf conf = {.watch = watch,
                              .unwatch = unwatch,
                              .answer = answer,
                              .let_go = released,
                              .self = member};

    assert_true(house->n <= HOUSEHOLD_MOST);
    memset(member, 0, sizeof *member);
    member->house = house;
    if (kind == PULLS) {
        conf.pull = pull;
        conf.unpull = unpull;
        conf.progress = progress;
    }
    conf.guest = kind == ASKS;
    conf.stopped = stopped;
    pages_new(&member->pages, &conf);
    pages_run(member->pages, &house->run);
    return member;
}

void household_run_other(struct household_member *member)
{
    struct id other = member->house->run;

    other.byte[0] ^= 1;
    pages_run(member->pages, &other);
}

void household_kill(struct household_member *member)
{
    pages_free(member->pages);
    member->pages = NULL;
    assert_int_equal(member->fds, 0);
    for (int i = 0; i < HOUSEHOLD_WANTS; i++) {
        shared_memory_free(member->got[i]);
        member->got[i] = NULL;
        member->want[i].used = false;
    }
}

void household_close(struct household *house)
{
    for (int m = 0; m < house->n; m++)
        if (house->member[m].pages)
            household_kill(&house->member[m]);
}

void household_want(struct household_member *member, int i)
{
    const struct artifact what = household_what(i, HOUSEHOLD_SIZE);
    struct household_want *const want = begin(member, &what);
    const bool pulled = want->wire;

    want->own = true;
    if (!pulled && !pages_want(member->pages, &want->what))
        to_the_wire(member, want);
}

void household_drop(struct household_member *member, int i)
{
    const struct artifact what = household_what(i, HOUSEHOLD_SIZE);
    struct household_want *const want = find(member, &what.hash);

    assert_non_null(want);
    want->own = false;
    if (pages_wanted(member->pages, &what.hash))
        want->others = true;
    pages_drop(member->pages, &what.hash);
    if (!want->others)
        memset(want, 0, sizeof *want);
}

void household_put(struct household_member *member, int i)
{
    const struct artifact what = household_what(i, HOUSEHOLD_SIZE);

    got(member, i, household_bytes(i, HOUSEHOLD_SIZE));
    pages_put(member->pages, &what, member->got[i]);
}

void household_let_go(struct household_member *member, int i)
{
    shared_memory_free(member->got[i]);
    member->got[i] = NULL;
}

/* What is whole is put; only its owner holds it then. */
static void wire(struct household_member *member, struct household_want *want)
{
    struct household *const house = member->house;
    const int i = number_of(&want->what.hash);
    struct shared_memory *shared;

    if (!want->wire || house->cut)
        return;
    want->bytes += HOUSEHOLD_SIZE / HOUSEHOLD_WIRE;
    house->wire_bytes += HOUSEHOLD_SIZE / HOUSEHOLD_WIRE;
    if (want->bytes < HOUSEHOLD_SIZE)
        return;
    house->whole++;
    shared = household_bytes(i, HOUSEHOLD_SIZE);
    pages_put(member->pages, &want->what, shared);
    if (want->own)
        got(member, i, shared);
    else
        shared_memory_free(shared);
    memset(want, 0, sizeof *want);
}

void household_turns(struct household *house, int n)
{
    for (int turn = 0; turn < n; turn++) {
        house->now_ms += 100;
        for (int m = 0; m < house->n; m++) {
            struct household_member *const member = &house->member[m];
            if (!member->pages || member->stopped)
                continue;
            assert_ok(pages_readable(member->pages, house->now_ms));
            assert_ok(pages_tick(member->pages, house->now_ms));
            for (int i = 0; i < HOUSEHOLD_WANTS; i++)
                if (member->want[i].used)
                    wire(member, &member->want[i]);
        }
    }
}

int household_until(struct household *house, int i, int n)
{
    for (int turn = 0; turn < n; turn++) {
        bool all = true;
        for (int m = 0; m < house->n; m++)
            if (house->member[m].pages && !house->member[m].stopped)
                all = all && house->member[m].got[i];
        if (all)
            return turn;
        household_turns(house, 1);
    }
    fail_msg("not here in %d turns", n);
    return n;
}
