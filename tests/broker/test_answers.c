/* What actors bring is looked at when it comes: what is wrong is a strike, is never kept, and
 * the sample goes to somebody else. */

#include "tests/broker/fixture_setup.h"

#include "proto/digest.h"

#include <stdlib.h>
#include <string.h>

static struct rollout good;
static int32_t token[8];
static float logprob[8];
static struct span span[2];

/* A has a lease of the task's one sample; `good` is what it should bring. */
static void leased(void)
{
    const struct rollout from = fixture_answer(0, 0, 1, 0);

    all_here(NULL, 0);
    fixture_credit(&fixture, A, 1, 0);
    fixture_open_task(&fixture, 0, 1, 0);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 1);
    memcpy(token, from.token, from.n_token * sizeof *token);
    memcpy(logprob, from.logprob, from.n_token * sizeof *logprob);
    memcpy(span, from.span, sizeof *span);
    good = from;
    good.token = token;
    good.logprob = logprob;
    good.span = span;
}

/* The answer with its own right hash is refused; somebody else gets the sample at once. */
static void is_refused(const struct rollout *bad, const char *word)
{
    assert_err(ERR_RANGE, fixture_bring(&fixture, A, bad));
    if (!strstr(err_text(), word))
        fail_msg("'%s' does not say %s", err_text(), word);
    assert_int_equal(fixture_stats(&fixture)->waiting, 1);
    assert_int_equal(fixture_stats(&fixture)->unsettled, 0);
    fixture_credit(&fixture, B, 1, 0);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
    assert_ok(fixture_rollout(&fixture, B, 0, 0, 1, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
}

static void named(struct rollout *r)
{
    r->hash = digest_rollout(r);
}

static void a_good_one_is_taken(void **state)
{
    (void)state;
    leased();
    assert_ok(fixture_bring(&fixture, A, &good));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
}

static void the_hash_must_be_that_of_the_bytes(void **state)
{
    (void)state;
    leased();
    good.hash.byte[0] ^= 1;
    is_refused(&good, "hash");
}

static void the_version_number_counts_beside_its_hash(void **state)
{
    (void)state;
    leased();
    span[0].version.number = 7;
    named(&good);
    is_refused(&good, "version 7");
}

static void one_version_is_one_span(void **state)
{
    (void)state;
    leased();
    span[1] = (struct span){.start = 1, .version = span[0].version};
    good.n_span = 2;
    named(&good);
    is_refused(&good, "spans");
}

static void tokens_are_of_the_vocabulary(void **state)
{
    (void)state;
    leased();
    token[1] = FIXTURE_VOCABULARY;
    named(&good);
    is_refused(&good, "vocabulary");
}

static void no_answer_is_longer_than_asked_for(void **state)
{
    static int32_t many[9] = {1, 1, 1, 1, 1, 1, 1, 1, FIXTURE_STOP};
    static float each[9];

    (void)state;
    leased();
    good.token = many;
    good.logprob = each;
    good.n_token = 9;
    named(&good);
    is_refused(&good, "9 tokens of 8");
}

static void an_answer_ends_as_it_says(void **state)
{
    (void)state;
    leased();
    good.end = ROLLOUT_LENGTH; /* with 3 of 8 tokens */
    is_refused(&good, "length");
}

static void a_stop_token_is_the_end(void **state)
{
    (void)state;
    leased();
    token[0] = FIXTURE_STOP;
    named(&good);
    is_refused(&good, "goes on");
}

static void a_text_is_no_longer_than_its_tokens_can_be(void **state)
{
    char *text = calloc(10000, 1);

    (void)state;
    leased();
    memset(text, 'x', 9999);
    good.text = text;
    is_refused(&good, "bytes of text");
    free(text);
}

static void a_version_that_was_never_announced_is_none(void **state)
{
    const int32_t prompt = 1, stop = FIXTURE_STOP;
    struct msg open = {.head.type = MSG_OPEN,
                       .open.task = {.samples = 2,
                                     .prompt = &prompt,
                                     .n_prompt = 1,
                                     .decoding = {.temperature = 1,
                                                  .top_p = 1,
                                                  .max_new = 8,
                                                  .stop = &stop,
                                                  .n_stop = 1},
                                     .table = 1,
                                     .prompt_text = "",
                                     .meta = ""}};
    struct msg publish = {.head.type = MSG_PUBLISH,
                          .publish = {.version = fixture_version(1), .kind = ARTIFACT_IMAGE}};

    (void)state;
    all_here(NULL, 0);
    assert_ok(fixture_say(&fixture, L, &open)); /* of any version */
    assert_err(ERR_RANGE, fixture_rollout(&fixture, A, 0, 0, 1, 1));
    assert_non_null(strstr(err_text(), "never announced"));
    assert_ok(fixture_say(&fixture, L, &publish));
    good = fixture_answer(0, 0, 1, 1);
    ((struct span *)good.span)->version.hash.byte[5] ^= 1;
    named(&good);
    assert_err(ERR_RANGE, fixture_bring(&fixture, A, &good));
    assert_non_null(strstr(err_text(), "another hash"));
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 1));
    assert_ok(fixture_rollout(&fixture, A, 0, 1, 1, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 2);
}

/* Else it would have the sample back before anybody else could ask. */
static void who_brought_a_bad_one_rests(void **state)
{
    uint64_t lease;

    (void)state;
    leased();
    fixture_gone(&fixture, B, false);
    lease = fixture_said(&fixture, A, MSG_LEASE)->lease.lease;
    good.hash.byte[0] ^= 1;
    assert_err(ERR_RANGE, fixture_bring(&fixture, A, &good));
    fixture_credit(&fixture, A, 1, lease);
    fixture_pass(&fixture, 900);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    fixture_pass(&fixture, 200); /* nobody else is there: it may try again */
    lease = fixture_said(&fixture, A, MSG_LEASE)->lease.lease;
    assert_err(ERR_RANGE, fixture_bring(&fixture, A, &good));
    fixture_credit(&fixture, A, 1, lease);
    fixture_pass(&fixture, 1900);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    fixture_pass(&fixture, 200);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 1);
}

/* Its own sample is free again; the one that another actor writes stays with that one. */
static void a_bad_answer_to_anothers_sample_takes_nothing_away(void **state)
{
    (void)state;
    leased();
    good.hash.byte[0] ^= 1;
    assert_err(ERR_RANGE, fixture_bring(&fixture, B, &good));
    assert_int_equal(fixture_stats(&fixture)->leased, 1);
}

static void two_answers_that_differ_are_a_proof(void **state)
{
    const struct msg_stats *stats;
    uint32_t flagged = 0;

    (void)state;
    leased();
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    assert_ok(fixture_rollout(&fixture, B, 0, 0, 2, 0));
    stats = fixture_stats(&fixture);
    assert_int_equal(stats->disputed, 1);
    assert_int_equal(stats->duplicates, 0);
    for (uint32_t i = 0; i < stats->n_peer; i++)
        flagged += strstr(stats->peer[i].error, "two answers differ") != NULL;
    assert_int_equal(flagged, 2); /* which of them lies, the learner will see */
    assert_ok(fixture_rollout(&fixture, B, 0, 0, 1, 0));
    assert_int_equal(fixture_stats(&fixture)->duplicates, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_one_is_taken),
        TEST(the_hash_must_be_that_of_the_bytes),
        TEST(the_version_number_counts_beside_its_hash),
        TEST(one_version_is_one_span),
        TEST(tokens_are_of_the_vocabulary),
        TEST(no_answer_is_longer_than_asked_for),
        TEST(an_answer_ends_as_it_says),
        TEST(a_stop_token_is_the_end),
        TEST(a_text_is_no_longer_than_its_tokens_can_be),
        TEST(a_version_that_was_never_announced_is_none),
        TEST(who_brought_a_bad_one_rests),
        TEST(a_bad_answer_to_anothers_sample_takes_nothing_away),
        TEST(two_answers_that_differ_are_a_proof),
    };

    return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
