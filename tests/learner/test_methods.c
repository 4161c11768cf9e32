/* The table of methods: what everything that lists them may rely on. */
#include "learner/methods/fleet_keys.h"
#include "learner/methods/methods.h"
#include "tests/support/test.h"

#include <string.h>

static void every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; methods_at(i); i++) {
        const struct method *const m = methods_at(i);
        assert_ptr_equal(methods_find(m->name), m);
        assert_true(strlen(m->help) > 10 && m->help[strlen(m->help) - 1] != '.');
        assert_true((m->check != NULL) != (m->plan != NULL));
        assert_true(m->size >= (m->plan ? sizeof(struct fleet_keys) : sizeof(struct keys)));
        assert_true(!m->plan == !m->score && !m->plan == !m->divergence);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(m->name, methods_at(k)->name);
    }
    assert_null(methods_find("nosuch"));
}

/* Keys: a row lies within the method's struct, its default is in its range and among its words,
 * and a name says one thing: in a table nothing stands twice. */
static void check_row(const struct method *m, const struct conf_key *table,
                      const struct conf_key *k)
{
    if (k->type < CONF_IGNORED_ && k->offset >= m->size)
        fail_msg("%s: %s lies outside", m->name, k->name);
    if (k->type == CONF_WORD_ ? !k->words : k->words && k->type != CONF_INT_)
        fail_msg("%s: %s: words", m->name, k->name);
    for (const struct conf_key *other = table; other < k; other++)
        if (!strcmp(other->name, k->name))
            fail_msg("%s: %s stands twice", m->name, k->name);
}

static void every_key_has_a_place_and_a_default(void **state)
{
    (void)state;
    for (size_t i = 0; methods_at(i); i++) {
        const struct method *const m = methods_at(i);
        json_t *const nothing = json_object();
        void *const self = calloc(1, m->size);
        for (const struct conf_key *const *t = m->tables; *t; t++)
            for (const struct conf_key *k = *t; k->name; k++)
                check_row(m, *t, k);
        assert_ok(conf_load(m->tables, self, nothing, NULL));
        conf_free(m->tables, self);
        free(self);
        json_decref(nothing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(every_key_has_a_place_and_a_default),
    };

    return cmocka_run_group_tests_name("methods", tests, NULL, NULL);
}
