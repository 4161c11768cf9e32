/* A pull over lines of several rates: what is on its way, how late a heartbeat would be behind it,
 * and how many bytes an artifact costs. The line is simulated: a millisecond a turn. */

#include "tests/support/test.h"

#include "base/mem.h"
#include "proto/blob.h"
#include "proto/pace.h"

#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20, HEAD = 120, WAY_MS = 20, LINE = 4096 };

struct line {
    double bytes_ms;          /* its rate */
    struct msg_wreq up[LINE]; /* requests under way, and when they arrive */
    int64_t up_ms[LINE];
    size_t ups, up_from;
    struct msg_wchunk down[LINE]; /* answers in the order of the queue */
    double left[LINE];            /* bytes of each that are still to go */
    size_t downs, down_from;
    uint64_t carried; /* bytes */
    double worst_ms;  /* the longest that a heartbeat would have waited */
};

struct pace_bed {
    struct artifact what;
    uint8_t *bytes;
    struct blob_store *store;
    struct blob_asks *asks;
    struct blob_pull *pull;
    struct pace_meter pace;
    struct line line;
    int64_t now_ms, silent_ms; /* the longest time without a piece */
    int64_t piece_ms;
};

static void open_bed(struct pace_bed *bed, size_t n, double mbit)
{
    memset(bed, 0, sizeof *bed);
    bed->bytes = mem_new(n, 1);
    for (size_t i = 0; i < n; i++)
        bed->bytes[i] = (uint8_t)(i * 31 >> 3);
    bed->what = (struct artifact){
        .hash = hash_of(bed->bytes, n), .bytes = n, .kind = ARTIFACT_IMAGE, .name = "policy"};
    blob_store_new(&bed->store);
    assert_ok(blob_store_add(bed->store, &bed->what, bed->bytes, n, NULL, free, bed->bytes));
    blob_asks_new(&bed->asks, 256);
    assert_ok(blob_pull_new(&bed->pull, &bed->what));
    bed->line.bytes_ms = mbit * 1e6 / 8 / 1e3;
}

static void close_bed(struct pace_bed *bed)
{
    blob_pull_free(bed->pull);
    blob_asks_free(bed->asks);
    blob_store_free(bed->store);
}

/* As fetch_source.c does it. */
static void ask(struct pace_bed *bed)
{
    struct line *const line = &bed->line;
    const size_t window = pace_window(&bed->pace);
    const size_t owed = blob_pull_owed(bed->pull, false);
    struct msg msg;

    if (owed + PIECE <= window && blob_pull_ask(bed->pull, &msg, window - owed, bed->now_ms)) {
        assert_true(line->ups - line->up_from < LINE);
        line->up[line->ups % LINE] = msg.wreq;
        line->up[line->ups % LINE].have = NULL;
        line->up_ms[line->ups++ % LINE] = bed->now_ms + WAY_MS;
    }
    pace_owed(&bed->pace, blob_pull_owed(bed->pull, false) > 0, bed->now_ms);
}

static void arrive(struct pace_bed *bed)
{
    struct line *const line = &bed->line;
    struct msg msg;

    while (line->up_from < line->ups && line->up_ms[line->up_from % LINE] <= bed->now_ms)
        assert_ok(blob_asks_add(bed->asks, &line->up[line->up_from++ % LINE]));
    while (line->downs - line->down_from < LINE &&
           blob_asks_next(bed->asks, bed->store, &msg)) {
        blob_asks_sent(bed->asks);
        assert_int_equal(msg.head.type, MSG_WCHUNK);
        line->down[line->downs % LINE] = msg.wchunk;
        line->left[line->downs++ % LINE] = msg.wchunk.bytes + HEAD;
    }
}

/* A millisecond of the line. */
static void carry(struct pace_bed *bed)
{
    struct line *const line = &bed->line;
    double can = line->bytes_ms, waits = 0;

    while (line->down_from < line->downs && can > 0) {
        double *const left = &line->left[line->down_from % LINE];
        const struct msg_wchunk *const chunk = &line->down[line->down_from % LINE];
        const double goes = *left < can ? *left : can;
        *left -= goes;
        can -= goes;
        if (*left > 0)
            break;
        line->down_from++;
        line->carried += chunk->bytes + HEAD;
        pace_came(&bed->pace, chunk->bytes, bed->now_ms);
        assert_int_not_equal(blob_take(bed->pull, chunk, false, bed->now_ms), BLOB_USELESS);
        if (bed->now_ms - bed->piece_ms > bed->silent_ms)
            bed->silent_ms = bed->now_ms - bed->piece_ms;
        bed->piece_ms = bed->now_ms;
    }
    for (size_t i = line->down_from; i < line->downs; i++)
        waits += line->left[i % LINE] / line->bytes_ms;
    if (waits > line->worst_ms)
        line->worst_ms = waits;
}

static void pull(struct pace_bed *bed, int64_t most_ms)
{
    while (!blob_pull_done(bed->pull) && bed->now_ms < most_ms) {
        bed->now_ms++;
        ask(bed);
        arrive(bed);
        carry(bed);
    }
}

static void each_rate_is_used_and_none_is_drowned(void **state)
{
    static const struct {
        double mbit;
        size_t mib;
    } line[] = {{0.5, 3}, {1, 4}, {5, 8}, {100, 110}, {1000, 110}};

    (void)state;
    for (size_t i = 0; i < sizeof line / sizeof *line; i++) {
        static struct pace_bed bed;
        const double ideal_ms = (double)line[i].mib * MIB * 8 / (line[i].mbit * 1e3);
        double over;
        open_bed(&bed, line[i].mib * MIB, line[i].mbit);
        pull(&bed, (int64_t)(2 * ideal_ms) + 2000);
        assert_true(blob_pull_done(bed.pull));
        over = (double)bed.line.carried / (double)bed.what.bytes;
        print_message("%6.1f Mbit/s: %.0f %% of the line, %.4f x its bytes, a heartbeat waits "
                      "%.0f ms at most, %lld ms without a piece\n",
                      line[i].mbit, 100 * ideal_ms / (double)bed.now_ms, over,
                      bed.line.worst_ms, (long long)bed.silent_ms);
        assert_true(over <= 1.02);
        assert_int_equal(blob_pull_stats(bed.pull).useless, 0);
        assert_true((double)bed.now_ms <= 1.15 * ideal_ms + 500);
        assert_true(bed.line.worst_ms <= 2200); /* far from 5 s of silence */
        assert_true(bed.silent_ms <= 2200);
        close_bed(&bed);
    }
}

/* A line that becomes ten times slower in between is not filled by what it was once able to do. */
static void a_line_that_slows_is_followed(void **state)
{
    static struct pace_bed bed;

    (void)state;
    open_bed(&bed, 24 * MIB, 20);
    pull(&bed, 4000);
    assert_false(blob_pull_done(bed.pull));
    bed.line.bytes_ms /= 10;
    bed.line.worst_ms = 0;
    pull(&bed, 15000);
    bed.line.worst_ms = 0; /* the window of before has gone by */
    pull(&bed, 90000);
    print_message("a heartbeat waits %.0f ms at most\n", bed.line.worst_ms);
    assert_true(blob_pull_done(bed.pull));
    assert_true(bed.line.worst_ms <= 2200);
    assert_true((double)bed.line.carried <= 1.02 * (double)bed.what.bytes);
    close_bed(&bed);
}

static void time_counts_while_something_is_owed(void **state)
{
    struct pace_meter pace = {0};

    (void)state;
    assert_true(pace_rate(&pace) <= 0);
    assert_int_equal(pace_window(&pace), PACE_LEAST);
    pace_owed(&pace, true, 1000);
    pace_came(&pace, MIB, 2000);
    assert_true(pace_rate(&pace) > 0.99 * MIB && pace_rate(&pace) < 1.01 * MIB);
    assert_int_equal(pace_window(&pace), MIB);
    pace_owed(&pace, false, 2000);
    pace_came(&pace, MIB, 500000); /* late, and of no one's asking: it counts as bytes alone */
    assert_int_equal(pace.total, 2 * MIB);
    pace_owed(&pace, true, 500000);
    assert_true(pace_rate(&pace) > 0.99 * MIB && pace_rate(&pace) < 1.01 * MIB);
    pace_came(&pace, 0, 502000); /* it stands still */
    assert_true(pace_rate(&pace) < 0.5 * MIB);
    for (int i = 0; i < 400; i++)
        pace_came(&pace, 64 * MIB, 502000 + i);
    assert_int_equal(pace_window(&pace), PACE_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rate_is_used_and_none_is_drowned),
        cmocka_unit_test(a_line_that_slows_is_followed),
        cmocka_unit_test(time_counts_while_something_is_owed),
    };

    return cmocka_run_group_tests_name("proto/pace", tests, NULL, NULL);
}
