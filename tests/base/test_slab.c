#define _GNU_SOURCE /* memfd_create, F_ADD_SEALS */

#include "tests/support/test.h"

#include "base/slab.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 3 * 4096 + 17 };

static struct slab *filled(void)
{
    struct slab *slab;

    assert_ok(slab_new(&slab, SIZE, "test"));
    for (int i = 0; i < SIZE; i++)
        ((unsigned char *)slab_bytes(slab))[i] = (unsigned char)(i * 7);
    return slab;
}

static void what_was_written_is_there_for_another(void **state)
{
    struct slab *slab = filled(), *other;

    (void)state;
    assert_int_equal(slab_fd(slab), -1); /* nobody gets what can still change */
    assert_ok(slab_seal(slab));
    assert_ok(slab_seal(slab)); /* again: nothing to do */
    assert_ok(slab_open(&other, dup(slab_fd(slab)), SIZE, "test"));
    assert_int_equal(slab_size(other), SIZE);
    assert_memory_equal(slab_bytes(other), slab_bytes(slab), SIZE);
    slab_free(slab);
    for (int i = 0; i < SIZE; i++) /* the pages live as long as their last user */
        assert_int_equal(((unsigned char *)slab_bytes(other))[i], (unsigned char)(i * 7));
    slab_free(other);
}

static void a_sealed_slab_takes_no_write(void **state)
{
    struct slab *slab = filled();
    int status;
    pid_t child;

    (void)state;
    assert_ok(slab_seal(slab));
    assert_int_equal(pwrite(slab_fd(slab), "x", 1, 0), -1);
    assert_int_equal(ftruncate(slab_fd(slab), 5), -1);
    assert_int_equal(ftruncate(slab_fd(slab), 5 * SIZE), -1);
    assert_ptr_equal(mmap(NULL, SIZE, PROT_WRITE, MAP_SHARED, slab_fd(slab), 0), MAP_FAILED);
    child = fork();
    if (!child) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would explain it */
        *(volatile char *)slab_bytes(slab) = 1;
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    slab_free(slab);
}

static void what_could_change_is_refused(void **state)
{
    const int plain = memfd_create("test", 0), half = memfd_create("test", MFD_ALLOW_SEALING);
    struct slab *slab = filled(), *got;

    (void)state;
    assert_int_equal(ftruncate(plain, SIZE), 0);
    assert_err(ERR_RANGE, slab_open(&got, plain, SIZE, "test"));
    assert_null(got);
    assert_int_equal(ftruncate(half, SIZE), 0);
    assert_int_equal(fcntl(half, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_err(ERR_RANGE, slab_open(&got, half, SIZE, "test")); /* may still be written to */
    assert_int_equal(fcntl(half, F_GETFD), -1);                 /* taken, and closed */
    assert_ok(slab_seal(slab));
    assert_err(ERR_RANGE, slab_open(&got, dup(slab_fd(slab)), SIZE + 1, "test"));
    assert_err(ERR_RANGE, slab_open(&got, dup(slab_fd(slab)), SIZE - 1, "test"));
    assert_err(ERR_RANGE, slab_open(&got, -1, SIZE, "test"));
    slab_free(slab);
}

static void users_are_counted(void **state)
{
    struct slab *slab = filled();
    int fd;

    (void)state;
    assert_ok(slab_seal(slab));
    fd = slab_fd(slab);
    assert_ptr_equal(slab_share(slab), slab);
    slab_free(slab);
    assert_int_not_equal(fcntl(fd, F_GETFD), -1);
    slab_free(slab);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    slab_free(NULL);
}

static void an_empty_slab_is_one(void **state)
{
    struct slab *slab, *other;

    (void)state;
    assert_ok(slab_new(&slab, 0, "test"));
    assert_ok(slab_seal(slab));
    assert_ok(slab_open(&other, dup(slab_fd(slab)), 0, "test"));
    assert_int_equal(slab_size(other), 0);
    slab_free(other);
    slab_free(slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_there_for_another),
        cmocka_unit_test(a_sealed_slab_takes_no_write),
        cmocka_unit_test(what_could_change_is_refused),
        cmocka_unit_test(users_are_counted),
        cmocka_unit_test(an_empty_slab_is_one),
    };
    return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
