#define _GNU_SOURCE /* memfd_create, F_ADD_SEALS */

#include "tests/support/test.h"

#include "base/shared_memory.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 3 * 4096 + 17 };

static struct shared_memory *filled(void)
{
    struct shared_memory *shared;

    assert_ok(shared_memory_new(&shared, SIZE, "test"));
    for (int i = 0; i < SIZE; i++)
        ((unsigned char *)shared_memory_bytes(shared))[i] = (unsigned char)(i * 7);
    return shared;
}

static void what_was_written_is_there_for_another(void **state)
{
    struct shared_memory *shared = filled(), *other;

    (void)state;
    assert_int_equal(shared_memory_fd(shared), -1); /* nobody gets what can still change */
    assert_ok(shared_memory_seal(shared));
    assert_ok(shared_memory_seal(shared)); /* again: nothing to do */
    assert_ok(shared_memory_open(&other, dup(shared_memory_fd(shared)), SIZE, "test"));
    assert_int_equal(shared_memory_size(other), SIZE);
    assert_memory_equal(shared_memory_bytes(other), shared_memory_bytes(shared), SIZE);
    shared_memory_free(shared);
    for (int i = 0; i < SIZE; i++) /* the pages live as long as their last user */
        assert_int_equal(((unsigned char *)shared_memory_bytes(other))[i],
                         (unsigned char)(i * 7));
    shared_memory_free(other);
}

static void sealed_memory_takes_no_write(void **state)
{
    struct shared_memory *shared = filled();
    int status;
    pid_t child;

    (void)state;
    assert_ok(shared_memory_seal(shared));
    assert_int_equal(pwrite(shared_memory_fd(shared), "x", 1, 0), -1);
    assert_int_equal(ftruncate(shared_memory_fd(shared), 5), -1);
    assert_int_equal(ftruncate(shared_memory_fd(shared), 5 * SIZE), -1);
    assert_ptr_equal(mmap(NULL, SIZE, PROT_WRITE, MAP_SHARED, shared_memory_fd(shared), 0),
                     MAP_FAILED);
    child = fork();
    if (!child) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would explain it */
        *(volatile char *)shared_memory_bytes(shared) = 1;
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    shared_memory_free(shared);
}

static void what_could_change_is_refused(void **state)
{
    const int plain = memfd_create("test", 0), half = memfd_create("test", MFD_ALLOW_SEALING);
    struct shared_memory *shared = filled(), *got;

    (void)state;
    assert_int_equal(ftruncate(plain, SIZE), 0);
    assert_err(ERR_RANGE, shared_memory_open(&got, plain, SIZE, "test"));
    assert_null(got);
    assert_int_equal(ftruncate(half, SIZE), 0);
    assert_int_equal(fcntl(half, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_err(ERR_RANGE,
               shared_memory_open(&got, half, SIZE, "test")); /* may still be written to */
    assert_int_equal(fcntl(half, F_GETFD), -1);               /* taken, and closed */
    assert_ok(shared_memory_seal(shared));
    assert_err(ERR_RANGE,
               shared_memory_open(&got, dup(shared_memory_fd(shared)), SIZE + 1, "test"));
    assert_err(ERR_RANGE,
               shared_memory_open(&got, dup(shared_memory_fd(shared)), SIZE - 1, "test"));
    assert_err(ERR_RANGE, shared_memory_open(&got, -1, SIZE, "test"));
    shared_memory_free(shared);
}

static void users_are_counted(void **state)
{
    struct shared_memory *shared = filled();
    int fd;

    (void)state;
    assert_ok(shared_memory_seal(shared));
    fd = shared_memory_fd(shared);
    assert_ptr_equal(shared_memory_share(shared), shared);
    shared_memory_free(shared);
    assert_int_not_equal(fcntl(fd, F_GETFD), -1);
    shared_memory_free(shared);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    shared_memory_free(NULL);
}

static void an_empty_block_is_one(void **state)
{
    struct shared_memory *shared, *other;

    (void)state;
    assert_ok(shared_memory_new(&shared, 0, "test"));
    assert_ok(shared_memory_seal(shared));
    assert_ok(shared_memory_open(&other, dup(shared_memory_fd(shared)), 0, "test"));
    assert_int_equal(shared_memory_size(other), 0);
    shared_memory_free(other);
    shared_memory_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_there_for_another),
        cmocka_unit_test(sealed_memory_takes_no_write),
        cmocka_unit_test(what_could_change_is_refused),
        cmocka_unit_test(users_are_counted),
        cmocka_unit_test(an_empty_block_is_one),
    };
    return cmocka_run_group_tests_name("shared_memory", tests, NULL, NULL);
}
