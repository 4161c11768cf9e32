/* Every key of TRL's configurations (tests/golden/trl_keys.py read them from its classes): each
 * is honoured, noted or refused by name, and its own default is taken by none otherwise.
 *
 * With DROVER_KEYS_TABLE=FILE the table is written: METHOD KEY honoured|noted|refused, and why. */
#include "learner/methods/methods.h"
#include "learner/run/keys.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first row of that name, or the first whose '*' covers it. */
static const struct conf_key *row_of(const struct method *m, const char *name)
{
    for (const struct conf_key *const *t = m->tables; *t; t++)
        for (const struct conf_key *k = *t; k->name; k++)
            if (!strcmp(k->name, name) || (k->alias && !strcmp(k->alias, name)))
                return k;
    for (const struct conf_key *const *t = m->tables; *t; t++)
        for (const struct conf_key *k = *t; k->name; k++) {
            const size_t n = strlen(k->name);
            if (k->name[n - 1] == '*' && !strncmp(k->name, name, n - 1))
                return k;
        }
    return NULL;
}

/* OK unless the method refuses the key with this value. */
static enum err give(const struct method *m, const char *key, const char *value)
{
    void *keys = calloc(1, m->size);
    char arg[256];
    char *argv[] = {arg};
    enum err err;

    assert_non_null(keys);
    snprintf(arg, sizeof(arg), "%s=%s", key, value);
    err = keys_read(m->tables, keys, 1, argv, NULL);
    conf_free(m->tables, keys);
    free(keys);
    return err;
}

static void each_key_has_an_answer(void **state)
{
    FILE *list = fopen(GOLDEN, "r");
    FILE *table = getenv("DROVER_KEYS_TABLE") ? fopen(getenv("DROVER_KEYS_TABLE"), "w") : NULL;
    char method[32], key[96], value[96];
    int count[3] = {0}, n = 0, missing = 0;
    static const char *const what[] = {"honoured", "noted", "refused"};
    (void)state;

    assert_non_null(list);
    while (fscanf(list, "%31s %95s %95s", method, key, value) == 3) {
        const struct method *m = methods_find(method);
        const struct conf_key *row = m ? row_of(m, key) : NULL;
        int is = 0;
        n++;
        if (!row) { /* unless it is a switch that becomes another key before the tables are asked */
            if (strcmp(value, "*") == 0 || give(m, key, value)) {
                print_message("%s: %s: no such key\n", method, key);
                missing++;
            } else {
                count[0]++;
            }
            continue;
        }
        is = row->type == CONF_IGNORED_ ? 1 : row->type == CONF_REFUSED_ ? 2 : 0;
        count[is]++;
        if (table)
            fprintf(table, "%s %s %s: %s\n", method, key, what[is], row->help);
        if (strcmp(value, "*") != 0 && give(m, key, value)) {
            print_message("%s: %s=%s, its default: %s\n", method, key, value, err_text());
            missing++;
        }
    }
    fclose(list);
    if (table)
        fclose(table);
    print_message("%d keys: %d honoured, %d noted, %d refused\n", n, count[0], count[1],
                  count[2]);
    assert_true(n > 1000);
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_key_has_an_answer)};

    return cmocka_run_group_tests_name("trl_keys", tests, NULL, NULL);
}
