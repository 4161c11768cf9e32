/* The table of broker/table.c: docs/PROTOCOL.md §3.5 has the same rows, in the same order; what
 * rows may do is legal, what is legal some row does; an illegal move ends the process.
 *
 *     test_broker_table print      the rows as the page has them */

#include "tests/support/test.h"

#include "base/fs.h"
#include "broker/table.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINE = 512 };

static char *page;

static void put(char *line, const char *words)
{
    const size_t n = strlen(line);

    snprintf(line + n, LINE - n, "%s", words);
}

/* Behind a separator, unless it is the first in its column. */
static void add(char *line, const char *separator, const char *words)
{
    put(line, line[strlen(line) - 1] == ' ' ? "" : separator);
    put(line, words);
}

static void add_moves(char *line, uint64_t moves)
{
    put(line, " | ");
    for (int from = 0; from < SAMPLE_STATES; from++)
        for (int to = 0; to < SAMPLE_STATES; to++) {
            char words[64];

            if (!(moves & TASKS_MOVE(from, to)))
                continue;
            snprintf(words, sizeof words, "%s → %s", tasks_state_name((enum sample_state)from),
                     tasks_state_name((enum sample_state)to));
            add(line, ", ", words);
        }
    if (!moves)
        add(line, "", "–");
}

static void add_wakes(char *line, unsigned wakes)
{
    static const char *const name[] = {"grant", "ask", "to_learner"};

    put(line, " | ");
    for (unsigned i = 0; i < 3; i++)
        if (wakes & 1u << i)
            add(line, ", ", name[i]);
    if (!wakes)
        add(line, "", "–");
    put(line, " |");
}

static void row_text(char line[LINE], const struct table_row *row)
{
    static const char *const role[ROLES] = {"",  "L", "A", "R", "S", "O",
                                            "W", "X", "G", "F", "N"};

    snprintf(line, LINE, "| %s | %s | ", role[row->from], msg_name(row->type));
    if (row->when & TABLE_OF_RUN)
        add(line, ", ", "run");
    if (row->when & TABLE_OF_EPOCH)
        add(line, ", ", "epoch");
    if (!row->when)
        add(line, "", "–");
    add_moves(line, row->moves);
    add_wakes(line, row->wakes);
}

static void event_text(char line[LINE], const struct table_event_row *event)
{
    snprintf(line, LINE, "| | (%s) | –", event->name);
    add_moves(line, event->moves);
    add_wakes(line, event->wakes);
}

static int print_all(void)
{
    char line[LINE];

    for (int i = 0; i < table_n_row; i++) {
        row_text(line, &table_rows[i]);
        puts(line);
    }
    for (int i = 0; i < TABLE_EVENTS; i++) {
        event_text(line, &table_events[i]);
        puts(line);
    }
    return 0;
}

/* The next line of the page's table; fails if it is another one. */
static const char *expect_line(const char *at, const char *line)
{
    const char *end;

    assert_non_null(at);
    end = strchr(at, '\n');
    assert_non_null(end);
    if (strlen(line) != (size_t)(end - at) || strncmp(at, line, strlen(line)) != 0)
        fail_msg("the page says\n%.*s\nthe table says\n%s", (int)(end - at), at, line);
    return end + 1;
}

static void the_page_has_the_table(void **state)
{
    const char *at = strstr(page, "### 3.5 ");
    char line[LINE];

    (void)state;
    assert_non_null(at);
    at = strstr(at, "|---|");
    assert_non_null(at);
    at = strchr(at, '\n') + 1;
    for (int i = 0; i < table_n_row; i++) {
        row_text(line, &table_rows[i]);
        at = expect_line(at, line);
    }
    for (int i = 0; i < TABLE_EVENTS; i++) {
        event_text(line, &table_events[i]);
        at = expect_line(at, line);
    }
    assert_true(*at != '|'); /* and nothing else */
}

static void who_says_what_stands_once(void **state)
{
    (void)state;
    for (int i = 0; i < table_n_row; i++) {
        assert_ptr_equal(table_find(table_rows[i].from, table_rows[i].type), &table_rows[i]);
        assert_int_equal(table_rows[i].handle == NULL, table_rows[i].type == MSG_HELLO);
    }
}

static void rows_do_what_is_legal_and_all_of_it(void **state)
{
    uint64_t some = 0;

    (void)state;
    for (int i = 0; i < table_n_row; i++)
        some |= table_rows[i].moves;
    for (int i = 0; i < TABLE_EVENTS; i++)
        some |= table_events[i].moves;
    for (int from = 0; from < SAMPLE_STATES; from++)
        for (int to = 0; to < SAMPLE_STATES; to++)
            assert_int_equal(tasks_allowed((enum sample_state)from, (enum sample_state)to),
                             (some & TASKS_MOVE(from, to)) != 0);
}

/* How a process ends that makes this move in an event that may make `may`. */
static int ends(enum sample_state to, uint64_t may)
{
    static const int32_t token = 1;
    const struct task def = {.samples = 1,
                             .prompt = &token,
                             .n_prompt = 1,
                             .decoding = {.max_new = 1},
                             .prompt_text = "",
                             .meta = ""};
    const pid_t child = fork();
    int status;

    if (!child) {
        const struct rlimit none = {0, 0};
        struct open_tasks tasks;

        if (setrlimit(RLIMIT_CORE, &none) || !freopen("/dev/null", "w", stderr))
            _exit(1);
        tasks_init(&tasks, 4, 1 << 20, 1 << 20);
        if (tasks_add(&tasks, &def, 0, 0))
            _exit(1);
        tasks.may = may;
        tasks_move(&tasks, tasks_find(&tasks, 0), 0, to, 0);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void an_illegal_move_ends_the_process(void **state)
{
    const uint64_t lease = TASKS_MOVE(SAMPLE_WAITING, SAMPLE_LEASED);

    (void)state;
    assert_int_equal(ends(SAMPLE_LEASED, lease), 0);
    assert_int_equal(ends(SAMPLE_READY, TASKS_ALL_MOVES), SIGABRT);
    assert_int_equal(ends(SAMPLE_SETTLED, lease), SIGABRT); /* legal, but not of this event */
}

static int read_page(void **state)
{
    size_t n;

    (void)state;
    return fs_read(&page, &n, PAGE, 1 << 20) != OK;
}

static int free_page(void **state)
{
    (void)state;
    free(page);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_has_the_table),
        cmocka_unit_test(who_says_what_stands_once),
        cmocka_unit_test(rows_do_what_is_legal_and_all_of_it),
        cmocka_unit_test(an_illegal_move_ends_the_process),
    };

    if (argc > 1 && !strcmp(argv[1], "print"))
        return print_all();
    return cmocka_run_group_tests_name("broker/table", tests, read_page, free_page);
}
