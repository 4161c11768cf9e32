/* A desk over real sockets: what comes is taken whole and answered together; what is too long is
 * refused; what lies there at the end is told so. */
#include "tests/support/test.h"

#include "http/desk.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const always[][2] = {{"X-Content-Type-Options", "nosniff"}, {NULL, NULL}};

static struct desk *open_desk(unsigned *port)
{
    const struct desk_conf conf = {.listen = "127.0.0.1:0",
                                   .connections = 16,
                                   .idle_s = 5,
                                   .head_bytes = 8192,
                                   .body_bytes = 1000,
                                   .bodies_bytes = 10000,
                                   .always = always};
    struct desk *desk;

    assert_int_equal(desk_open(&desk, port, &conf), OK);
    return desk;
}

static void a_port_is_a_number(void **state)
{
    static const char *const bad[] = {"127.0.0.1",           "127.0.0.1:",    "127.0.0.1:65536",
                                      "127.0.0.1:99999",     "127.0.0.1:+80", "127.0.0.1:http",
                                      "127.0.0.1:4294967376"};
    struct http_address address;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(ERR_PARSE, http_address(&address, bad[i]));
    assert_ok(http_address(&address, "127.0.0.1:65535"));
    assert_int_equal(ntohs(((struct sockaddr_in *)&address.at)->sin_port), 65535);
    assert_ok(http_address(&address, "[::1]:0"));
}

static int ask(unsigned port, const char *words)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval most = {.tv_sec = 20};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    assert_int_equal(connect(fd, (const void *)&to, sizeof to), 0);
    assert_int_equal(send(fd, words, strlen(words), MSG_NOSIGNAL), (long)strlen(words));
    return fd;
}

/* All that comes until the server closes. */
static const char *answer(int fd)
{
    static char text[8192];
    size_t n = 0;
    ssize_t got;

    while (n < sizeof text - 1 && (got = recv(fd, text + n, sizeof text - 1 - n, 0)) > 0)
        n += (size_t)got;
    text[n] = 0;
    close(fd);
    return text;
}

static struct desk_request *take(struct desk *desk)
{
    struct desk_request *one = desk_take(desk, 20000);

    assert_non_null(one);
    return one;
}

static void whole(void **state)
{
    unsigned port;
    struct desk *desk = open_desk(&port);
    unsigned char peer[16];
    struct desk_request *one;
    const char *text;
    int fd;

    (void)state;
    fd = ask(port, "POST /a/b?x=%20y HTTP/1.1\r\nHost: localhost\r\nCookie: s=1; t=2\r\n"
                   "Connection: close\r\nContent-Length: 5\r\n\r\nhe");
    assert_null(desk_take(desk, 50)); /* not yet whole */
    assert_int_equal(send(fd, "llo", 3, MSG_NOSIGNAL), 3);
    one = take(desk);
    assert_null(one->next);
    assert_string_equal(one->method, "POST");
    assert_string_equal(one->path, "/a/b");
    assert_string_equal(one->body.text, "hello");
    assert_string_equal(desk_header(one, "Host"), "localhost");
    assert_string_equal(desk_cookie(one, "t"), "2");
    assert_string_equal(desk_argument(one, "x"), " y");
    assert_null(desk_cookie(one, "u"));
    assert_int_equal(desk_peer(peer, one), 4);
    assert_memory_equal(peer, "\x7f\0\0\1", 4);
    desk_say(one, 201, "text/plain", "done", 4);
    desk_head(one, "X-Own", strdup("yes"));
    desk_give(desk, one);
    text = answer(fd);
    assert_non_null(strstr(text, "HTTP/1.1 201"));
    assert_non_null(strstr(text, "X-Own: yes"));
    assert_non_null(strstr(text, "X-Content-Type-Options: nosniff"));
    assert_string_equal(text + strlen(text) - 4, "done");
    desk_close(desk);
}

static void bounds(void **state)
{
    char long_one[2000];
    unsigned port;
    struct desk *desk = open_desk(&port);
    int fd;

    (void)state;
    snprintf(long_one, sizeof long_one,
             "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: "
             "1500\r\n\r\n%01500d",
             0);
    fd = ask(port, long_one);
    assert_non_null(strstr(answer(fd), " 413 "));
    fd = ask(port, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n");
    assert_non_null(strstr(answer(fd), " 413 "));
    assert_null(desk_take(desk, 0)); /* neither came this far */
    desk_close(desk);
}

/* Several come before any is taken; what nobody took is told that the server ends. */
static void together(void **state)
{
    static const char words[] = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    unsigned port;
    struct desk *desk = open_desk(&port);
    int fd[5], n = 0;

    (void)state;
    for (int i = 0; i < 5; i++)
        fd[i] = ask(port, words);
    while (n < 5) {
        struct desk_request *list = take(desk);

        for (struct desk_request *one = list; one; one = one->next, n++)
            desk_say(one, 200, "text/plain", "x", 1);
        desk_give(desk, list);
    }
    for (int i = 0; i < 5; i++)
        assert_non_null(strstr(answer(fd[i]), " 200 "));
    close(ask(port, words)); /* gone before its answer */
    desk_give(desk, take(desk));
    fd[0] = ask(port, words);
    /* it comes to lie there; were it late, it would be refused in words alike */
    poll(NULL, 0, 200);
    desk_close(desk);
    assert_null(strstr(answer(fd[0]), " 200 "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_port_is_a_number),
                                       cmocka_unit_test(whole), cmocka_unit_test(bounds),
                                       cmocka_unit_test(together)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
