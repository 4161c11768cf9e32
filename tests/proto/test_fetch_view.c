/* What others of a host see of an image that its giver makes of another one: an adapter of a base that
 * it lacks, so that for a while all that comes is the base's. */

#include "tests/support/test.h"

#include "base/log.h"
#include "base/mem.h"
#include "tests/proto/serving_bed.h"

#include <stdlib.h>
#include <string.h>

enum { ADAPTER = 200 << 10 };

static struct serving_bed bed;
static uint8_t adapter[ADAPTER];

static void offer(const struct artifact *way)
{
    struct msg msg = {.head.type = MSG_OFFER, .offer = {.artifact = way, .n_artifact = 1}};

    assert_ok(hub_send(bed.hub, bed.end[NEAR].peer, &msg));
}

static void serve(const struct artifact *what, const void *bytes)
{
    assert_ok(blob_store_add(bed.store, what, bytes, what->bytes, NULL, NULL, NULL));
}

/* Old givers stood still all that time, and after 20 s their guests pulled for themselves. */
static void a_base_is_progress_for_others_of_the_host(void **state)
{
    struct artifact way = {
        .bytes = ADAPTER, .kind = ARTIFACT_ADAPTER, .name = "policy adapter"};
    struct artifact base = {.bytes = SIZE, .kind = ARTIFACT_IMAGE, .name = "base"};
    uint8_t *const first = mem_new(SIZE, 1);
    struct id run;
    uint64_t any, seen;

    (void)state;
    serving_bed_start(&bed, false);
    memset(first, 7, SIZE);
    for (size_t i = 0; i < ADAPTER; i++)
        adapter[i] = (uint8_t)(i * 31 >> 3);
    way.hash = hash_of(adapter, ADAPTER);
    base.hash = hash_of(first, SIZE);
    way.of = bed.what.hash;
    way.base = base.hash;
    serve(&way, adapter);
    serve(&base, first);
    peer_random(&run, &any);
    fetch_run(bed.end[NEAR].fetch, &run);
    serving_bed_mate(&bed, &run);
    bed.pieces_a_turn = 1;
    assert_ok(fetch_want(bed.end[NEAR].fetch, &bed.what));
    UNTIL(&bed, fetch_bytes(bed.end[NEAR].fetch) > 3 * PIECE); /* its rate is known */
    assert_ok(fetch_want(bed.mate, &bed.what));
    bed.pieces_a_turn = 0;
    offer(&way);
    for (int i = 0; i < 20; i++) /* heard, and what was on its way is there */
        serving_bed_turn(&bed);
    assert_true(fetch_by_way(bed.end[NEAR].fetch, &bed.what.hash));
    bed.pieces_a_turn = 1;
    UNTIL(&bed, fetch_bytes(bed.end[NEAR].fetch) > ADAPTER + MIB);
    UNTIL(&bed, fetch_share(bed.end[NEAR].fetch, &bed.what.hash) > .3);
    seen = fetch_pieces(bed.mate);
    UNTIL(&bed, fetch_share(bed.end[NEAR].fetch, &bed.what.hash) > .6);
    UNTIL(&bed, fetch_pieces(bed.mate) > seen);
    assert_int_equal(fetch_bytes(bed.mate), 0);
    UNTIL(&bed, bed.end[NEAR].job); /* all of it is here: it can be made */
    assert_true(fetch_share(bed.end[NEAR].fetch, &bed.what.hash) >= 1);
    fetch_free(bed.mate);
    bed.mate = NULL;
    serving_bed_close(&bed);
    free(first);
}

static int quiet(void **state)
{
    (void)state;
    return log_level("error") != OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_base_is_progress_for_others_of_the_host),
    };

    return cmocka_run_group_tests_name("proto/fetch_view", tests, quiet, NULL);
}
