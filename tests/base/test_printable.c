#define _XOPEN_SOURCE 700 /* posix_openpt */

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/printable.h"
#include "base/say.h"
#include "base/utf8.h"
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void becomes(const char *from, unsigned how, const char *want)
{
    char *got = mem_printable(from, strlen(from), how), *again;

    assert_string_equal(got, want);
    again = mem_printable(got, strlen(got), how & ~(unsigned)PRINTABLE_QUOTED);
    assert_string_equal(again, want); /* twice is the same */
    free(again);
    free(got);
}

static void what_is_seen_stays(void **state)
{
    (void)state;
    becomes("plain text", 0, "plain text");
    becomes("\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
            0,
            "\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d");
    becomes("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", 0, /* joined: one picture */
            "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb");
    becomes("C:\\path \\frac{1}{2}", 0, "C:\\path \\frac{1}{2}");
    becomes("", 0, "");
}

static void what_acts_is_written_out(void **state)
{
    (void)state;
    becomes("a\x1b]0;TITLE\x07z", 0, "a\\x1b]0;TITLE\\x07z");
    becomes("one\ntwo\tthree\r", 0, "one\\ntwo\\tthree\\r");
    becomes("one\ntwo\tthree\r", PRINTABLE_LINES, "one\ntwo\tthree\\r");
    becomes("\x7f\xc2\x9b\x32J", 0, "\\x7f\\u009b2J");
    becomes("\xe2\x80\xaetxt.exe", 0, "\\u202etxt.exe");
    becomes("\xe2\x80\xa8line", 0, "\\u2028line");
    becomes("\xf3\xa0\x81\x81", 0, "\\U000e0041");
    becomes("say \"hi\" \\", PRINTABLE_QUOTED, "say \\\"hi\\\" \\\\");
}

static void bytes_that_are_no_text_are_written_out(void **state)
{
    char out[64];

    (void)state;
    becomes("\xff\xc3(\x80", 0, "\\xff\\xc3(\\x80");
    becomes("\xed\xa0\x80", 0, "\\xed\\xa0\\x80"); /* half a surrogate pair */
    becomes("cut \xe2\x82", 0, "cut \\xe2\\x82");
    assert_int_equal(printable(out, sizeof out, "a\0b", 3, 0), 6);
    assert_string_equal(out, "a\\x00b");
}

static void what_is_too_long_is_cut_between_characters(void **state)
{
    char out[10];

    (void)state;
    assert_int_equal(printable(out, sizeof out, "123456789", 9, 0), 9);
    assert_string_equal(out, "123456789");
    printable(out, sizeof out, "1234567890", 10, 0);
    assert_string_equal(out, "123456...");
    printable(out, sizeof out, "12345\xe2\x82\xac\xe2\x82\xac", 11, 0);
    assert_string_equal(out, "12345...");
    printable(out, sizeof out, "\x1b\x1b\x1b\x1b", 4, 0);
    assert_string_equal(out, "\\x1b...");
}

static void everything_fits_and_is_text(void **state)
{
    unsigned seed = 1;

    (void)state;
    for (int k = 0; k < 2000; k++) {
        char in[24], small[16], *out;
        const size_t n = (size_t)k % sizeof in;
        for (size_t i = 0; i < n; i++)
            in[i] = (char)((seed = seed * 1103515245 + 12345) >> 16);
        out = mem_printable(in, n, (unsigned)k % 4);
        for (size_t i = 0, w; out[i]; i += w) {
            assert_true((w = utf8_width((const uint8_t *)out + i, strlen(out + i))) > 0);
            assert_true((unsigned char)out[i] >= 0x20 || k % 2);
        }
        assert_true(printable(small, sizeof small, in, n, 0) < sizeof small);
        free(out);
    }
}

/* What log_* puts on standard error, in `text`. */
static void written(char *text, size_t room, void (*speak)(void))
{
    const int err = dup(STDERR_FILENO);
    int fd[2];
    ssize_t n;

    assert_int_equal(pipe(fd), 0);
    fflush(stderr);
    assert_true(dup2(fd[1], STDERR_FILENO) >= 0);
    speak();
    fflush(stderr);
    assert_true(dup2(err, STDERR_FILENO) >= 0);
    close(fd[1]);
    close(err);
    n = read(fd[0], text, room - 1);
    close(fd[0]);
    assert_true(n >= 0);
    text[n] = 0;
}

static void say_name(void)
{
    log_info("joined", "peer=%s role=%d note=\"%s\" n=%llu x=%.1f %%",
             "m\x1b[2J\nlevel=error a=b", 2, "he said \"go\" event=forged", 7ull, 1.25);
    log_info("joined", "peer=%s size=%zu at=%ld", "host:12", (size_t)3, -4l);
}

static void say_long(void)
{
    static char big[3000];

    memset(big, '\n', sizeof big - 1);
    log_warn("long", "reason=\"%s\"", big);
}

static void a_log_line_is_one_line_with_its_own_fields(void **state)
{
    char text[4096];

    (void)state;
    log_open("test");
    written(text, sizeof text, say_name);
    assert_string_equal(text, "level=info proc=test event=joined "
                              "peer=\"m\\x1b[2J\\nlevel=error a=b\" role=2 "
                              "note=\"he said \\\"go\\\" event=forged\" n=7 x=1.2 %\n"
                              "level=info proc=test event=joined peer=host:12 size=3 at=-4\n");
    written(text, sizeof text, say_long);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_non_null(strstr(text, "...\"\n"));
    assert_true(strlen(text) <= 2048);
}

static void what_is_said_keeps_its_lines(void **state)
{
    char text[512] = "";
    FILE *to = fmemopen(text, sizeof text, "w");

    (void)state;
    assert_non_null(to);
    say(to, "%-6s|%6.2f|%.3s|%.*s|%s\n", "a\nb", 1.5, "abcdef", 2, "xyz", "\x1b[2J");
    say(to, "%5d %zu %llu %ld%% %g\n", -3, (size_t)4, 5ull, 6l, 0.5);
    fclose(to);
    assert_string_equal(text, "a\\nb  |  1.50|abc|xy|\\x1b[2J\n   -3 4 5 6% 0.5\n");
}

/* What `text` becomes on the other side of `to`, which reads from `from`. */
static void goes(int to, int from, const char *text, const char *want)
{
    FILE *out = fdopen(to, "w");
    char got[128] = "";
    ssize_t n;

    assert_non_null(out);
    say_text(out, text, strlen(text));
    fflush(out);
    n = read(from, got, sizeof got - 1);
    assert_true(n >= 0);
    assert_string_equal(got, want);
    fclose(out);
    close(from);
}

static void a_terminal_gets_the_safe_form_and_a_pipe_every_byte(void **state)
{
    const char *const text = "a\x1b[2J\xc2\x9b\tb";
    const int pty = posix_openpt(O_RDWR | O_NOCTTY);
    int fd[2];

    (void)state;
    assert_int_equal(pipe(fd), 0);
    goes(fd[1], fd[0], text, text);
    if (pty < 0 || grantpt(pty) || unlockpt(pty))
        skip();
    fd[1] = open(ptsname(pty), O_WRONLY | O_NOCTTY);
    if (fd[1] < 0)
        skip();
    goes(fd[1], pty, text, "a\\x1b[2J\\u009b\tb");
}

static void an_error_s_words_are_printable(void **state)
{
    char big[900];

    (void)state;
    err_set(ERR_PARSE, "'%s': no such key", "evil\x1b[31m\nkey");
    assert_string_equal(err_text(), "'evil\\x1b[31m\\nkey': no such key");
    assert_int_equal(err_add("%s", "x\ry"), ERR_PARSE);
    assert_string_equal(err_text(), "x\\ry: 'evil\\x1b[31m\\nkey': no such key");
    for (size_t i = 0; i + 2 < sizeof big; i += 2)
        memcpy(big + i, "\xc3\xa9", 3);
    err_set(ERR_IO, "%s", big);
    for (size_t i = 0, w; err_text()[i]; i += w)
        assert_true((w = utf8_width((const uint8_t *)err_text() + i, 4)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_seen_stays),
        cmocka_unit_test(what_acts_is_written_out),
        cmocka_unit_test(bytes_that_are_no_text_are_written_out),
        cmocka_unit_test(what_is_too_long_is_cut_between_characters),
        cmocka_unit_test(everything_fits_and_is_text),
        cmocka_unit_test(a_log_line_is_one_line_with_its_own_fields),
        cmocka_unit_test(what_is_said_keeps_its_lines),
        cmocka_unit_test(a_terminal_gets_the_safe_form_and_a_pipe_every_byte),
        cmocka_unit_test(an_error_s_words_are_printable),
    };
    return cmocka_run_group_tests_name("printable", tests, NULL, NULL);
}
