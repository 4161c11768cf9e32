/* docs/PROTOCOL.md says what the codec's tables say. */

#include "tests/support/test.h"

#include "base/fs.h"
#include "proto/codec_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *text;

/* The table of a struct is the first after `heading` whose rows are all of its members, in
 * order; it is searched for from there on. */
static const char *find_row(const char *from, const struct field *f)
{
    char row[80];

    snprintf(row, sizeof row, "\n| `%s` | ", f->key);
    if (f->key && f->kind == FIELD_BESIDE)
        snprintf(row, sizeof row, "\n| `%s` | →", f->key);
    if (!f->key)
        snprintf(row, sizeof row, "| header `%s`", f->kind == FIELD_TASK ? "task" : "sample");
    return strstr(from, row);
}

static void check_limit(const char *row, const struct field *f)
{
    const char *const end = strchr(row + 1, '\n');
    char want[32];
    const unsigned long long max = f->max;

    if (f->kind != FIELD_TEXT && f->kind != FIELD_COLUMN && f->kind != FIELD_LIST)
        return;
    if (max % (1 << 20) == 0)
        snprintf(want, sizeof want, "≤ %llu Mi", max >> 20);
    else if (max > 1023 && max % 1024 == 0)
        snprintf(want, sizeof want, "≤ %llu Ki", max >> 10);
    else
        snprintf(want, sizeof want, "≤ %llu ", max);
    if (!strstr(row, want) || strstr(row, want) > end)
        fail_msg("%s: the page does not say '%s'", f->key, want);
}

static void check_table(const char *heading, const struct field_table *table)
{
    const char *at = strstr(text, heading);

    if (!at)
        fail_msg("no heading '%s'", heading);
    for (int i = 0; i < table->n; i++) {
        const struct field *const f = &table->field[i];
        const char *const row = find_row(at, f);
        const char *const next = strstr(at + 2, i ? "\n\n" : "\n| `");
        if (!row || (i && row > next + 1))
            fail_msg("'%s': row %d, %s, is not where it belongs", heading, i,
                     f->key ? f->key : "of the header");
        check_limit(row, f);
        at = row;
    }
}

static void the_page_has_every_row_of_every_table(void **state)
{
    static const struct {
        const char *heading;
        const struct field_table *table;
    } page[] = {
        {"**HELLO** (1)", &codec_peer_hello},
        {"**WELCOME** (3)", &codec_peer_welcome},
        {"**REFUSE** (4)", &codec_peer_refuse},
        {"**HB** (5)", &codec_peer_hb},
        {"**ADMIN** (23)", &codec_peer_admin},
        {"**DRAIN** (25)", &codec_peer_drain},
        {"**OPEN** (6)", &codec_work_open},
        {"A `task`:", &codec_noun_task},
        {"**CANCEL** (7)", &codec_work_cancel},
        {"**LEASE** (8)", &codec_work_lease},
        {"**REVOKE** (9)", &codec_work_revoke},
        {"**WANT** (10)", &codec_work_want},
        {"**ROLLOUT** (11)", &codec_work_rollout},
        {"A `rollout`:", &codec_noun_rollout},
        {"**FAIL** (12)", &codec_work_fail},
        {"**SCORE?** (13)", &codec_work_ask},
        {"**SCORE** (14)", &codec_work_score},
        {"A `score`:", &codec_noun_score},
        {"**SAMPLE** (15)", &codec_work_sample},
        {"**DROPPED** (16)", &codec_work_dropped},
        {"A `writer`, as", &codec_noun_writer},
        {"**REFUSED** (29)", &codec_work_refused},
        {"**SETTLED** (17)", &codec_work_settled},
        {"`settled`, here and", &codec_noun_settled},
        {"**PUBLISH** (18)", &codec_work_publish},
        {"an `artifact` and a `scorer`", &codec_noun_artifact},
        {"| `name` | text ≤ 256 | what it is for", &codec_noun_scorer},
        {"**OFFER** (19)", &codec_bulk_offer},
        {"**WREQ** (20)", &codec_bulk_wreq},
        {"**WCHUNK** (21)", &codec_bulk_wchunk},
        {"**WNONE** (22)", &codec_bulk_wnone},
        {"**PARENT** (30)", &codec_bulk_parent},
        {"**GUESTS** (31)", &codec_bulk_guests},
        {"**EXPORT** (32)", &codec_people_export},
        {"An `answer`:", &codec_people_answer},
        {"**EXPORT_OK** (33)", &codec_people_export_ok},
        {"**JUDGEMENT** (34)", &codec_people_judgement},
        {"**JUDGED** (35)", &codec_people_judged},
        {"gets **STATS** (28)", &codec_bulk_stats},
    };

    (void)state;
    for (size_t i = 0; i < sizeof page / sizeof *page; i++)
        check_table(page[i].heading, page[i].table);
}

static void the_page_has_every_message_under_its_number(void **state)
{
    char row[40];

    (void)state;
    for (int type = MSG_HELLO; type < MSG_TYPES; type++) {
        snprintf(row, sizeof row, "\n| %d | %s | ", type, msg_name((enum msg_type)type));
        if (!strstr(text, row))
            fail_msg("no row '%s'", row + 1);
    }
}

static int read_page(void **state)
{
    size_t n;

    (void)state;
    return fs_read(&text, &n, PAGE, 1 << 20) != OK;
}

static int free_page(void **state)
{
    (void)state;
    free(text);
    return 0;
}

/* The numbers of §2.4 are those of limit.h. */
static void the_page_has_the_limits_of_numbers(void **state)
{
    static const struct {
        uint64_t limit;
        const char *row;
    } rows[] = {
        {LIMIT_TASK_END, "`open_to` | 2^62 |"},    {LIMIT_SERIAL, "`lease_seen` | 2^60 |"},
        {LIMIT_COUNT, "for people | 2^53 |"},      {LIMIT_VERSION, "epochs | 2^48 |"},
        {LIMIT_EPOCH, "epochs | 2^48 |"},          {LIMIT_ARTIFACT, "of an artifact | 2^35 |"},
        {LIMIT_CHUNKS, "of an artifact | 2^15 |"}, {LIMIT_CREDIT, "`credit_max` | 2^16 |"},
        {LIMIT_PIECES, "of an artifact | 2^19 |"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *power = strchr(rows[i].row, '^') + 1;
        assert_true(rows[i].limit == UINT64_C(1) << strtoul(power, NULL, 10));
        if (!strstr(text, rows[i].row))
            fail_msg("the page does not say '%s'", rows[i].row);
    }
    assert_int_equal(LIMIT_PROCESSES, 4096);
    assert_non_null(strstr(text, "`count` of ADMIN | 4096 |"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_has_every_row_of_every_table),
        cmocka_unit_test(the_page_has_the_limits_of_numbers),
        cmocka_unit_test(the_page_has_every_message_under_its_number),
    };

    return cmocka_run_group_tests_name("proto/doc", tests, read_page, free_page);
}
