/* The keys folder: what is written is what is read, a change is seen, and nobody comes in twice
 * by one use. */

#include "tests/proto/keys_folder.h"

#include "proto/invite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void a_key_is_made_seen_and_revoked(void **state)
{
    struct keys_folder *f = *state;
    const struct registrar_want want = {
        .name = "a-1", .role = ROLE_ACTOR, .expires_s = NOW + 9};
    struct curve_keys keys;
    const struct keyring_entry *entry;
    const char *words;
    uint32_t n;

    assert_ok(registrar_add(f->path, &want, NULL, NOW));
    assert_err(ERR_IO, registrar_add(f->path, &want, NULL, NOW)); /* never over another */
    keys_folder_load(&keys, f, "a-1.key");
    assert_int_equal(keys.role, ROLE_ACTOR);
    assert_string_equal(keys.name, "a-1");
    assert_string_equal(keys.server_key, keyring_broker(f->ring)->public_key);
    assert_string_not_equal(keys.secret_key, keyring_broker(f->ring)->secret_key);
    assert_null(keys_folder_find(f, keys.public_key));
    assert_true(keys_folder_look(f, NOW));
    assert_false(keys_folder_look(f, NOW));
    entry = keys_folder_find(f, keys.public_key);
    assert_non_null(entry);
    assert_int_equal(entry->role, ROLE_ACTOR);
    assert_true(keyring_valid(entry, NOW + 8, &words));
    assert_true(keys_folder_look(f, NOW + 9)); /* by the clock alone */
    assert_false(keyring_valid(keys_folder_find(f, keys.public_key), NOW + 9, &words));
    assert_string_equal(words, "this key has expired");
    assert_true(keys_folder_look(f, NOW));
    assert_err(ERR_RANGE, registrar_revoke(&n, f->path, "nobody", false, NOW));
    assert_ok(registrar_revoke(&n, f->path, keys.public_key, false, NOW));
    assert_int_equal(n, 1);
    assert_ok(registrar_revoke(&n, f->path, "a-1", false, NOW)); /* was already */
    assert_int_equal(n, 0);
    assert_true(keys_folder_look(f, NOW));
    assert_false(keyring_valid(keys_folder_find(f, keys.public_key), NOW, &words));
    assert_string_equal(words, "this key was revoked");
}

static void what_cannot_be_a_key_is_refused(void **state)
{
    static const char *const names[] = {"",       ".",    "..",    "a/b", "-x",
                                        "broker", "next", "x.tmp", "a b", "a\nb"};
    struct keys_folder *f = *state;
    struct curve_keys keys;
    char path[192];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_err(ERR_RANGE,
                   registrar_add(f->path, &(struct registrar_want){names[i], ROLE_ACTOR, 0, 0},
                                 NULL, NOW));
    assert_err(
        ERR_RANGE,
        registrar_add(f->path, &(struct registrar_want){"old", ROLE_ACTOR, NOW, 0}, NULL, NOW));
    assert_err(ERR_IO, registrar_create(f->path, NOW));
    snprintf(path, sizeof path, "%s/broker.key", f->path);
    assert_err(ERR_STATE, curve_load(&keys, path)); /* no worker has the broker's secret */
    assert_non_null(strstr(err_text(), "drover keys add"));
    assert_int_equal(0, chmod(f->path, 0755));
    keyring_close(f->ring);
    assert_err(ERR_STATE, keyring_open(&f->ring, f->path, NOW));
    assert_int_equal(0, chmod(f->path, 0700));
}

/* A file that somebody spoiled lets nobody in, and the others stand. */
static void a_spoilt_file_lets_nobody_in(void **state)
{
    static const char *const spoils[] = {"s/revoked/revoke/", "s/expires = .0/expires = \"x/",
                                         "s/role = .actor/role = \"king/",
                                         "s/public-key = .../public-key = \"\\\\\\\\/"};
    struct keys_folder *f = *state;
    struct curve_keys keys;
    char command[320];
    uint32_t n;

    assert_ok(
        registrar_add(f->path, &(struct registrar_want){"x", ROLE_ACTOR, 0, 0}, NULL, NOW));
    assert_ok(
        registrar_add(f->path, &(struct registrar_want){"y", ROLE_ACTOR, 0, 0}, NULL, NOW));
    keys_folder_load(&keys, f, "x.key");
    for (size_t i = 0; i < sizeof spoils / sizeof *spoils; i++) {
        snprintf(command, sizeof command, "cp %s/worker/x %s/keep; sed -i '%s' %s/worker/x",
                 f->path, f->root, spoils[i], f->path);
        assert_int_equal(0, system(command));
        keys_folder_look(f, NOW);
        assert_null(keys_folder_find(f, keys.public_key));
        keyring_list(f->ring, &n);
        assert_int_equal(n, 1);
        snprintf(command, sizeof command, "mv %s/keep %s/worker/x", f->root, f->path);
        assert_int_equal(0, system(command));
        keys_folder_look(f, NOW);
        assert_non_null(keys_folder_find(f, keys.public_key));
    }
}

static void a_line_of_text_is_a_ticket(void **state)
{
    struct keys_folder *f = *state;
    struct invite in = {.n_broker = 2, .expires_s = NOW + 100}, out;
    char *text;

    assert_ok(registrar_ticket(&in.keys, f->path,
                               &(struct registrar_want){"t", ROLE_ACTOR, NOW + 100, 5}, NOW));
    snprintf(in.broker[0], INVITE_ADDRESS, "tcp://head:5555");
    snprintf(in.broker[1], INVITE_ADDRESS, "tcp://[fd00::1]:5555");
    assert_ok(invite_write(&text, &in));
    assert_ok(invite_read(&out, text));
    assert_int_equal(out.n_broker, 2);
    assert_string_equal(out.broker[1], in.broker[1]);
    assert_string_equal(out.keys.public_key, in.keys.public_key);
    assert_string_equal(out.keys.secret_key, in.keys.secret_key);
    assert_string_equal(out.keys.server_key, keyring_broker(f->ring)->public_key);
    assert_int_equal(out.keys.role, ROLE_ACTOR);
    assert_int_equal(out.expires_s, NOW + 100);
    for (size_t i = 0; i < strlen(text); i++) { /* no letter may be another one */
        const char was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        assert_err(ERR_PARSE, invite_read(&out, text));
        text[i] = was;
    }
    for (size_t i = 0; i < strlen(text); i++) {
        char *cut = strdup(text);
        cut[i] = 0;
        assert_err(ERR_PARSE, invite_read(&out, cut));
        free(cut);
    }
    assert_int_equal(0, setenv(INVITE_VARIABLE, text, 1));
    assert_ok(invite_load(&out, ""));
    assert_null(getenv(INVITE_VARIABLE)); /* no child sees it */
    assert_err(ERR_STATE, invite_load(&out, ""));
    free(text);
}

static void the_brokers_pair_follows_the_clock(void **state)
{
    struct keys_folder *f = *state;
    const struct registrar_want want = {"w", ROLE_LEARNER, 0, 0};
    struct curve_keys keys;
    char first[CURVE_TEXT], second[CURVE_TEXT];
    int64_t from_s;

    memcpy(first, keyring_broker(f->ring)->public_key, CURVE_TEXT);
    assert_ok(registrar_rotate(f->path, NOW + 50, NOW));
    assert_err(ERR_STATE, registrar_rotate(f->path, NOW + 60, NOW));
    assert_true(keys_folder_look(f, NOW));
    assert_string_equal(keyring_broker(f->ring)->public_key, first);
    snprintf(second, sizeof second, "%s", keyring_next(f->ring, &from_s));
    assert_int_equal(from_s, NOW + 50);
    assert_ok(registrar_add(f->path, &want, NULL, NOW)); /* knows both */
    keys_folder_load(&keys, f, "w.key");
    assert_string_equal(keys.server_key, first);
    assert_string_equal(keys.next_key, second);
    assert_true(keys_folder_look(f, NOW + 50));
    assert_string_equal(keyring_broker(f->ring)->public_key, second);
    assert_string_equal(keyring_next(f->ring, &from_s), "");
    /* Whoever opens the folder anew sees the same, before and after it was put in order. */
    keyring_close(f->ring);
    assert_ok(keyring_open(&f->ring, f->path, NOW + 51));
    assert_string_equal(keyring_broker(f->ring)->public_key, second);
    assert_ok(registrar_rotate(f->path, NOW + 90, NOW + 52));
    keys_folder_look(f, NOW + 52);
    assert_string_equal(keyring_broker(f->ring)->public_key, second);
    assert_string_not_equal(keyring_next(f->ring, &from_s), "");
}

/* As what was known of the workers does: a next key that is not there is one that nobody learns. */
static void a_next_pair_that_cannot_be_read_stands(void **state)
{
    struct keys_folder *f = *state;
    char path[192], second[CURVE_TEXT];
    int64_t from_s;
    bool changed;

    assert_ok(registrar_rotate(f->path, NOW + 50, NOW));
    keys_folder_look(f, NOW);
    snprintf(second, sizeof second, "%s", keyring_next(f->ring, &from_s));
    snprintf(path, sizeof path, "%s/next.key", f->path);
    assert_int_equal(0, chmod(path, 0644)); /* others may read it: it is not taken */
    assert_err(ERR_STATE, keyring_look(f->ring, NOW, &changed));
    assert_string_equal(keyring_next(f->ring, &from_s), second);
    assert_err(ERR_STATE, keyring_look(f->ring, NOW + 50, &changed));
    assert_string_equal(keyring_broker(f->ring)->public_key, second);
    assert_err(ERR_STATE, keyring_look(f->ring, NOW + 51, &changed));
    assert_string_equal(keyring_broker(f->ring)->public_key, second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, keys_folder_open, keys_folder_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_made_seen_and_revoked),     TEST(what_cannot_be_a_key_is_refused),
        TEST(a_spoilt_file_lets_nobody_in),       TEST(a_line_of_text_is_a_ticket),
        TEST(the_brokers_pair_follows_the_clock), TEST(a_next_pair_that_cannot_be_read_stands),
    };

    return cmocka_run_group_tests_name("proto/keyring", tests, NULL, NULL);
}
