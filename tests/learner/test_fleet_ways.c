/* What a learner offers beside versions. Patches: of all versions that live, since a host may ask for all
 * of them at once (overlap) and takes one after another; none of a version that is gone. And the
 * images that a run begins with, as pages. */

#include "tests/support/test.h"

#include "base/log.h"
#include "base/mem.h"
#include "learner/fleet/fleet_bulk.h"
#include "learner/fleet/fleet_versions.h"
#include "learner/fleet/fleet_ways.h"
#include "learner/train/snapshot.h"
#include "net/loop.h"
#include "proto/hub.h"
#include "proto/pages.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS = 1 << 16, VERSIONS = MAX_LAG + 1, TICK_MS = 5, UNTIL_TICKS = 4000 };

struct ways_bed {
    void *context;
    struct loop *loop;
    struct hub *hub; /* the broker */
    struct fleet_bulk *bulk;
    struct fleet_ways *ways;
    struct fleet_versions versions;
    struct id run;
    struct initial_model first;
    uint32_t *image;
    int ticks, wanted;
    struct hash of[VERSIONS]; /* of the last OFFER */
    int patches;
};

static enum err on_hello(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    struct msg welcome = {.head.type = MSG_WELCOME, .welcome = {.run = true}};

    (void)msg, (void)now_ms;
    return hub_send(((struct ways_bed *)self)->hub, from, &welcome);
}

static enum err on_offer(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    struct ways_bed *const b = self;

    (void)from, (void)now_ms;
    b->patches = 0;
    for (uint32_t i = 0; i < msg->offer.n_artifact; i++)
        if (msg->offer.artifact[i].kind == ARTIFACT_PATCH && b->patches < VERSIONS)
            b->of[b->patches++] = msg->offer.artifact[i].of;
    return OK;
}

static enum err tick(void *self, int64_t now_ms)
{
    struct ways_bed *const b = self;

    assert_ok(hub_readable(b->hub, now_ms));
    assert_ok(hub_tick(b->hub, now_ms));
    assert_ok(fleet_bulk_tick(b->bulk, now_ms));
    if (b->patches == b->wanted || ++b->ticks == UNTIL_TICKS)
        loop_stop(b->loop);
    return OK;
}

/* Until so many are offered, or for 20 s. */
static void until(struct ways_bed *b, int patches)
{
    b->wanted = patches;
    b->ticks = 0;
    assert_ok(loop_run(b->loop));
    assert_int_equal(b->patches, patches);
}

/* Weights of version v: of each the last bits differ. */
static void add(struct ways_bed *b, uint64_t v)
{
    struct snapshot *s;

    for (uint32_t i = 0; i < WORDS; i++)
        b->image[i] = 0x3f800000 | (i * 2654435761u >> 24 & 0xf0) | (uint32_t)v;
    assert_ok(snapshot_new(&s, b->image, WORDS * sizeof *b->image, v));
    assert_ok(fleet_versions_add(&b->versions, s));
}

static void build(struct ways_bed *b)
{
    const struct hub_conf hub = {.endpoint = "tcp://127.0.0.1:*", .listen_fd = -1, .self = b};
    struct fleet_bulk_conf bulk = {.peer = {.role = ROLE_LEARNER, .name = "learner"}};

    memset(b, 0, sizeof *b);
    b->context = bulk.context = zmq_ctx_new();
    assert_ok(loop_new(&b->loop));
    assert_ok(hub_open(&b->hub, b->context, &hub));
    hub_on(b->hub, ROLE_LEARNER, MSG_HELLO, on_hello, b);
    hub_on(b->hub, ROLE_LEARNER, MSG_OFFER, on_offer, b);
    bulk.loop = b->loop;
    peer_random(&bulk.peer.id, &bulk.peer.incarnation);
    bulk.run = b->run = bulk.peer.id; /* nobody else's on this machine */
    fleet_bulk_new(&b->bulk, &bulk);
    b->image = mem_new(WORDS, sizeof *b->image);
    b->first.image.bytes = WORDS * sizeof *b->image;
    b->versions.bulk = b->bulk;
    b->versions.first = &b->first.image.hash;
    fleet_ways_new(&b->ways, &(struct fleet_ways_conf){b->loop, &b->versions, &b->first});
    assert_ok(fleet_bulk_endpoint(b->bulk, hub_endpoint(b->hub), "", 0));
    assert_ok(loop_every(b->loop, TICK_MS, tick, b));
}

static void end(struct ways_bed *b)
{
    fleet_ways_free(b->ways);
    fleet_versions_fini(&b->versions);
    fleet_bulk_free(b->bulk);
    loop_free(b->loop);
    hub_close(b->hub);
    zmq_ctx_term(b->context);
    free(b->image);
}

static void each_version_that_lives_keeps_its_patch(void **state)
{
    const struct snapshot *base;
    struct ways_bed b;

    (void)state;
    build(&b);
    for (uint64_t v = 1; v <= VERSIONS; v++)
        add(&b, v);
    base = b.versions.snapshot[0];
    for (uint32_t i = 1; i < VERSIONS; i++) {
        const struct msg_wreq ask = {.hash = b.versions.snapshot[i]->version.hash,
                                     .kind = CHUNK_WAYS,
                                     .base = base->version.hash};
        assert_ok(fleet_ways_ask(b.ways, &ask));
    }
    until(&b, VERSIONS - 1);
    assert_ok(fleet_versions_drop(&b.versions, VERSIONS)); /* and one stays for itself */
    fleet_ways_trim(b.ways);
    until(&b, 2);
    for (int i = 0; i < b.patches; i++)
        assert_non_null(fleet_versions_find(&b.versions, &b.of[i]));
    end(&b);
}

/* Another process of the host: it asks for pages, and pulls nothing. */
struct neighbour {
    struct ways_bed *bed;
    struct pages *pages;
    struct hash asked[2];
    struct shared_memory *got[2];
    int answers, nulls;
};

static enum err neighbour_reads(void *self, int64_t now_ms)
{
    return pages_readable(((struct neighbour *)self)->pages, now_ms);
}

static enum err neighbour_watch(void *self, int fd)
{
    return loop_fd(((struct neighbour *)self)->bed->loop, fd, neighbour_reads, self);
}

static void neighbour_unwatch(void *self, int fd)
{
    loop_unfd(((struct neighbour *)self)->bed->loop, fd);
}

static enum err neighbour_answer(void *self, const struct hash *hash,
                                 struct shared_memory *shared, int64_t now_ms)
{
    struct neighbour *const n = self;

    (void)now_ms;
    n->nulls += !shared;
    n->got[hash_same(hash, &n->asked[1])] = shared;
    if (++n->answers == 2)
        loop_stop(n->bed->loop);
    return OK;
}

static enum err neighbour_tick(void *self, int64_t now_ms)
{
    return pages_tick(((struct neighbour *)self)->pages, now_ms);
}

/* The images that a run begins with reach its host's processes as pages, which lie in memory once, and
 * stay with who has them when a version has followed; who comes first after that pulls. */
static void first_images_are_lent_within_the_host(void **state)
{
    struct initial_models models = {.n_model = 2};
    struct neighbour n = {.nulls = 0};
    const struct pages_conf conf = {.watch = neighbour_watch,
                                    .unwatch = neighbour_unwatch,
                                    .answer = neighbour_answer,
                                    .self = &n};
    uint32_t *image[2];
    struct ways_bed b;

    (void)state;
    build(&b);
    for (int i = 0; i < 2; i++) {
        struct initial_model *const m = &models.model[i];

        image[i] = mem_new(WORDS, sizeof **image);
        for (uint32_t k = 0; k < WORDS; k++)
            image[i][k] = k * 2654435761u + (uint32_t)i;
        m->image = (struct artifact){.hash = hash_of(image[i], WORDS * sizeof **image),
                                     .bytes = WORDS * sizeof **image,
                                     .kind = ARTIFACT_IMAGE,
                                     .name = m->name};
        m->card = (struct artifact){.hash = hash_of(&i, sizeof i),
                                    .bytes = sizeof i,
                                    .kind = ARTIFACT_CARD,
                                    .name = m->name};
        m->image_bytes = image[i];
        m->card_bytes = image[i];
        n.asked[i] = m->image.hash;
    }
    assert_ok(fleet_versions_first(&b.versions, &models));
    n.bed = &b;
    b.wanted = -1;
    pages_new(&n.pages, &conf);
    pages_run(n.pages, &b.run);
    assert_ok(loop_every(b.loop, TICK_MS, neighbour_tick, &n));
    for (int i = 0; i < 2; i++)
        assert_true(pages_want(n.pages, &models.model[i].image)); /* somebody here gives */
    assert_ok(loop_run(b.loop));
    assert_int_equal(n.answers, 2);
    assert_int_equal(n.nulls, 0);
    assert_ok(fleet_versions_drop(&b.versions, 1));
    assert_int_equal(b.versions.n_lent, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(shared_memory_size(n.got[i]), WORDS * sizeof **image);
        assert_memory_equal(shared_memory_bytes(n.got[i]), image[i], WORDS * sizeof **image);
        shared_memory_free(n.got[i]);
        free(image[i]);
    }
    pages_free(n.pages);
    end(&b);
}

static int quiet(void **state)
{
    (void)state;
    return log_level("error") != OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_version_that_lives_keeps_its_patch),
        cmocka_unit_test(first_images_are_lent_within_the_host)};

    return cmocka_run_group_tests_name("learner/fleet_ways", tests, quiet, NULL);
}
