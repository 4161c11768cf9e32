/* Who writes the keys folder: nobody comes in twice by one use, nobody fills it, what ended leaves
 * it, and nothing is waited for without an end. */

#include "tests/proto/keys_folder.h"

#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void a_ticket_is_good_for_its_uses(void **state)
{
    struct keys_folder *f = *state;
    const struct registrar_want want = {"t", ROLE_REWARDER, NOW + 100, 2};
    struct curve_keys ticket, guest[3];
    char name[CURVE_NAME], again[CURVE_NAME];
    uint32_t n;

    assert_ok(registrar_ticket(&ticket, f->path, &want, NOW));
    for (int i = 0; i < 3; i++)
        assert_ok(curve_new(&guest[i]));
    assert_ok(keys_folder_admit(f, &ticket, guest[0].public_key, name));
    assert_int_equal(strncmp(name, "node-7-..-x-", 12), 0);
    assert_ok(
        keys_folder_admit(f, &ticket, guest[0].public_key, again)); /* its answer was lost */
    assert_string_equal(name, again);
    assert_err(ERR_RANGE,
               keys_folder_admit(f, &guest[0], guest[1].public_key, name)); /* no ticket */
    assert_ok(keys_folder_admit(f, &ticket, guest[1].public_key, name));
    assert_err(ERR_STATE, keys_folder_admit(f, &ticket, guest[2].public_key, name));
    assert_string_equal(err_text(), "this ticket is used up: it was good for 2");
    keys_folder_look(f, NOW);
    assert_int_equal(keys_folder_find(f, ticket.public_key)->used, 2);
    assert_int_equal(keys_folder_find(f, guest[1].public_key)->role, ROLE_REWARDER);
    assert_null(keys_folder_find(f, guest[2].public_key));
    /* A revoked worker's use was a use. */
    assert_ok(registrar_revoke(&n, f->path, name, false, NOW));
    assert_err(ERR_STATE, keys_folder_admit(f, &ticket, guest[2].public_key, name));
    assert_err(ERR_STATE, keys_folder_admit(f, &ticket, guest[1].public_key, name));
    assert_ok(registrar_revoke(&n, f->path, "t", true, NOW));
    assert_int_equal(n, 2); /* the ticket and who else came by it */
}

/* Who came in by whom is known by name alone. */
static void a_ticket_and_a_worker_share_no_name(void **state)
{
    struct keys_folder *f = *state;
    const struct registrar_want host = {"rig", ROLE_SUPERVISOR, 0, 0};
    const struct registrar_want ticket = {"t", ROLE_ACTOR, 0, 2};
    struct curve_keys keys;

    assert_ok(registrar_add(f->path, &host, NULL, NOW));
    assert_err(ERR_IO,
               registrar_ticket(&keys, f->path,
                                &(struct registrar_want){"rig", ROLE_ACTOR, 0, 2}, NOW));
    assert_non_null(strstr(err_text(), "taken by a key"));
    assert_ok(registrar_ticket(&keys, f->path, &ticket, NOW));
    assert_err(ERR_IO, registrar_add(f->path, &(struct registrar_want){"t", ROLE_ACTOR, 0, 0},
                                     NULL, NOW));
    assert_non_null(strstr(err_text(), "taken by a ticket"));
}

static void changes_are_noted(void **state)
{
    struct keys_folder *f = *state;
    char command[512];
    uint32_t n;

    assert_ok(
        registrar_add(f->path, &(struct registrar_want){"x", ROLE_ACTOR, 0, 0}, NULL, NOW));
    assert_ok(registrar_revoke(&n, f->path, "x", false, NOW));
    snprintf(
        command, sizeof command,
        "test $(wc -l < %s/audit.log) = 3 && grep -q 'event=revoke .*name=x ' %s/audit.log "
        "&& ! grep -q secret %s/audit.log",
        f->path, f->path, f->path);
    assert_int_equal(0, system(command));
}

/* A host's supervisor may be anybody's: it fills no folder. */
static void a_host_lets_in_so_many(void **state)
{
    struct keys_folder *f = *state;
    const struct registrar_want want[] = {{"rig", ROLE_SUPERVISOR, 0, 0},
                                          {"other", ROLE_SUPERVISOR, 0, 0}};
    struct curve_keys host, other, guest;
    char name[CURVE_NAME], last[CURVE_NAME];
    uint32_t n;

    assert_ok(registrar_add(f->path, &want[0], NULL, NOW));
    assert_ok(registrar_add(f->path, &want[1], NULL, NOW));
    keys_folder_load(&host, f, "rig.key");
    keys_folder_load(&other, f, "other.key");
    for (int i = 0; i < KEYRING_HOST; i++) {
        assert_ok(curve_new(&guest));
        assert_ok(keys_folder_admit(f, &host, guest.public_key, last));
    }
    assert_ok(keys_folder_admit(f, &host, guest.public_key, name)); /* the last one again */
    assert_string_equal(name, last);
    assert_ok(curve_new(&guest));
    assert_err(ERR_STATE, keys_folder_admit(f, &host, guest.public_key, name));
    assert_non_null(strstr(err_text(), "rig has let in 256"));
    assert_ok(keys_folder_admit(f, &other, guest.public_key, name));
    assert_ok(registrar_revoke(&n, f->path, last, false, NOW)); /* who is gone makes room */
    assert_ok(curve_new(&guest));
    assert_ok(keys_folder_admit(f, &host, guest.public_key, name));
}

/* A host by its ticket: what its workers say of where they are counts for nothing, nor what it says
 * later itself. Who came by a worker's ticket may move. */
static void a_host_s_keys_are_on_that_host(void **state)
{
    struct keys_folder *f = *state;
    const struct registrar_want rig = {"rig", ROLE_SUPERVISOR, 0, 1},
                                t = {"t", ROLE_ACTOR, 0, 1};
    struct curve_keys ticket, host, worker, single, other;
    const struct keyring_entry *entry;
    char name[CURVE_NAME];

    assert_ok(registrar_ticket(&ticket, f->path, &rig, NOW));
    assert_ok(registrar_ticket(&other, f->path, &t, NOW));
    assert_ok(curve_new(&host));
    assert_ok(curve_new(&worker));
    assert_ok(curve_new(&single));
    assert_ok(keys_folder_admit_at(f, &ticket, host.public_key, "my rig", name));
    assert_ok(keys_folder_admit_at(f, &host, worker.public_key, "elsewhere", name));
    assert_ok(keys_folder_admit_at(f, &other, single.public_key, "anywhere", name));
    keys_folder_look(f, NOW);
    entry = keys_folder_find(f, worker.public_key);
    assert_string_equal(entry->host, "my-rig");
    assert_string_equal(keyring_host(f->ring, entry, "elsewhere"), "my-rig");
    assert_null(keyring_host(f->ring, entry, "my rig")); /* as it is called, not as a file is */
    entry = keys_folder_find(f, host.public_key);
    assert_string_equal(keyring_host(f->ring, entry, "another"), "my-rig");
    assert_null(keyring_host(f->ring, entry, "my rig"));
    assert_null(keyring_host(f->ring, keys_folder_find(f, single.public_key), "moved"));
}

/* The list shows for a while who was there, and no use of a ticket comes back. */
static void what_ended_leaves_the_folder(void **state)
{
    struct keys_folder *f = *state;
    const struct registrar_want x = {"x", ROLE_ACTOR, NOW + 9, 0}, y = {"y", ROLE_ACTOR, 0, 0};
    const struct registrar_want t = {"t", ROLE_ACTOR, 0, 2};
    struct curve_keys ticket, guest;
    char name[CURVE_NAME], file[128];
    uint32_t n;

    assert_ok(registrar_add(f->path, &x, NULL, NOW));
    assert_ok(registrar_ticket(&ticket, f->path, &t, NOW));
    assert_ok(curve_new(&guest));
    assert_ok(keys_folder_admit(f, &ticket, guest.public_key, name));
    snprintf(file, sizeof file, "worker/%s", name);
    assert_ok(registrar_revoke(&n, f->path, name, false, NOW));
    assert_ok(registrar_add(f->path, &y, NULL, NOW + 8 + REGISTRAR_KEPT_S));
    assert_true(keys_folder_has(f, "worker/x") && keys_folder_has(f, "x.key"));
    assert_ok(registrar_revoke(&n, f->path, "y", false, NOW + 9 + REGISTRAR_KEPT_S));
    assert_false(keys_folder_has(f, "worker/x") || keys_folder_has(f, "x.key"));
    assert_true(keys_folder_has(f, "worker/y") &&
                keys_folder_has(f, file)); /* its ticket is valid */
    assert_ok(registrar_revoke(&n, f->path, "t", false, NOW + 9 + REGISTRAR_KEPT_S));
    assert_ok(registrar_add(f->path, &(struct registrar_want){"x", ROLE_ACTOR, 0, 0}, NULL,
                            NOW + 9 + REGISTRAR_KEPT_S)); /* the name is free again */
    assert_false(keys_folder_has(f, file));
    assert_true(keys_folder_has(f, "ticket/t"));
}

static void a_person_takes_out_what_ended(void **state)
{
    struct keys_folder *f = *state;
    const struct registrar_want x = {"x", ROLE_ACTOR, 0, 0}, t = {"t", ROLE_ACTOR, 0, 2};
    struct curve_keys ticket, guest;
    char name[CURVE_NAME];
    uint32_t n;

    assert_ok(registrar_add(f->path, &x, NULL, NOW));
    assert_err(ERR_STATE, registrar_remove(&n, f->path, "x", false, NOW));
    assert_err(ERR_RANGE, registrar_remove(&n, f->path, "nobody", true, NOW));
    assert_ok(registrar_ticket(&ticket, f->path, &t, NOW));
    assert_ok(curve_new(&guest));
    assert_ok(keys_folder_admit(f, &ticket, guest.public_key, name));
    assert_ok(registrar_revoke(&n, f->path, name, false, NOW));
    assert_err(ERR_STATE, registrar_remove(&n, f->path, name, false, NOW));
    assert_non_null(strstr(err_text(), "its use of the ticket t would come back"));
    assert_ok(registrar_revoke(&n, f->path, "t", true, NOW));
    assert_err(ERR_STATE, registrar_remove(&n, f->path, "t", false, NOW));
    assert_non_null(strstr(err_text(), name));
    assert_ok(registrar_remove(&n, f->path, "t", true, NOW));
    assert_int_equal(n, 2);
    keys_folder_look(f, NOW);
    keyring_list(f->ring, &n);
    assert_int_equal(n, 1);
}

/* Whoever serves others hears of a key that its file alone let in. */
static void a_file_that_is_gone_is_told(void **state)
{
    struct keys_folder *f = *state;
    struct curve_keys keys;
    struct hash key;
    const struct hash *lost;
    char path[192];
    uint32_t n;

    assert_ok(
        registrar_add(f->path, &(struct registrar_want){"x", ROLE_ACTOR, 0, 0}, NULL, NOW));
    keys_folder_load(&keys, f, "x.key");
    assert_ok(curve_key(&key, keys.public_key));
    keys_folder_look(f, NOW);
    keyring_lost(f->ring, &n);
    assert_int_equal(n, 0);
    snprintf(path, sizeof path, "%s/worker/x", f->path);
    assert_int_equal(0, unlink(path));
    assert_true(keys_folder_look(f, NOW));
    lost = keyring_lost(f->ring, &n);
    assert_int_equal(n, 1);
    assert_true(hash_same(lost, &key));
    keyring_lost(f->ring, &n);
    assert_int_equal(n, 0);
}

/* Who holds the lock is named, and the head's loop goes on. */
static void a_lock_is_not_waited_for_for_ever(void **state)
{
    struct keys_folder *f = *state;
    struct keyring_entry as = {.name = "a"};
    const struct hash by = {{1}}, key = {{2}};
    char path[192];
    const int64_t from_ms = clock_mono_ms();
    bool later;
    int lock;

    snprintf(path, sizeof path, "%s/.lock", f->path);
    lock = open(path, O_RDWR);
    assert_int_equal(0, flock(lock, LOCK_EX));
    assert_err(ERR_STATE, registrar_admit(&as, f->registrar, &by, &key, NOW, &later));
    assert_true(later);
    assert_non_null(strstr(err_text(), "process "));
    for (int i = 0; i < 100; i++)
        assert_err(ERR_STATE, registrar_admit(&as, f->registrar, &by, &key, NOW, &later));
    assert_true(clock_mono_ms() - from_ms < 3000); /* a hundred waits are five seconds */
    close(lock);
    assert_err(ERR_RANGE, registrar_admit(&as, f->registrar, &by, &key, NOW + 1, &later));
    assert_false(later);
}

/* Neither who may not come in nor time fills the disk. */
static void the_log_is_bounded(void **state)
{
    struct keys_folder *f = *state;
    struct curve_keys ticket, guest;
    char command[512], name[CURVE_NAME];

    assert_ok(registrar_ticket(&ticket, f->path,
                               &(struct registrar_want){"t", ROLE_ACTOR, NOW + 9, 1}, NOW));
    for (int i = 0; i < 20; i++) {
        assert_ok(curve_new(&guest));
        assert_int_equal(!i, !keys_folder_admit(f, &ticket, guest.public_key, name));
    }
    snprintf(command, sizeof command,
             "test $(wc -l < %s/audit.log) = 4 && grep -q 'admit-refused by=t .*used up' "
             "%s/audit.log && truncate -s 5M %s/audit.log",
             f->path, f->path, f->path);
    assert_int_equal(0, system(command));
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_ok(registrar_add(f->path, &(struct registrar_want){name, ROLE_ACTOR, 0, 0}, NULL,
                                NOW));
        snprintf(command, sizeof command,
                 "test $(wc -l < %s/audit.log) = 2 && truncate -s 5M %s/audit.log", f->path,
                 f->path);
        assert_int_equal(0, system(command));
    }
    assert_true(keys_folder_has(f, "audit.log.4"));
    assert_false(keys_folder_has(f, "audit.log.5"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, keys_folder_open, keys_folder_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_ticket_is_good_for_its_uses),
        TEST(a_ticket_and_a_worker_share_no_name),
        TEST(changes_are_noted),
        TEST(a_host_lets_in_so_many),
        TEST(a_host_s_keys_are_on_that_host),
        TEST(what_ended_leaves_the_folder),
        TEST(a_person_takes_out_what_ended),
        TEST(a_file_that_is_gone_is_told),
        TEST(a_lock_is_not_waited_for_for_ever),
        TEST(the_log_is_bounded),
    };

    return cmocka_run_group_tests_name("proto/registrar", tests, NULL, NULL);
}
