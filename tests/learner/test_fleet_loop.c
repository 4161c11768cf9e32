/* Every state, course and view of the loop's machine, and a run's life in it. */
#include "learner/fleet/fleet_loop.h"

#include "tests/support/test.h"

enum { VIEWS = 64, COURSES = LOOP_CLOSED }; /* a closed loop is not asked */

static struct loop_view view_of(int bits)
{
    return (struct loop_view){.group = bits & 1,
                              .idle = bits & 2,
                              .batch = bits & 4,
                              .unsaved = bits & 8,
                              .checkpoint = bits & 16,
                              .settled = bits & 32};
}

/* What the driver does about an action takes its reason away. */
static void done(struct loop_view *view, enum loop_action action)
{
    if (action == LOOP_COMMIT)
        view->group = false;
}

static void check_action(const struct fleet_loop *was, const struct fleet_loop *now,
                         const struct loop_view *view, enum loop_action action)
{
    const bool draining = fleet_loop_draining(was);

    assert_int_equal(view->group, action == LOOP_COMMIT);
    switch (action) {
    case LOOP_ITERATE:
        assert_true(was->state == LOOP_COLLECT && now->state == LOOP_TRAIN);
        assert_true(view->batch && !draining);
        break;
    case LOOP_STORE:
        assert_true(was->state == LOOP_COLLECT && now->state == LOOP_SAVE);
        assert_true(view->unsaved && was->course < LOOP_ABANDONS);
        assert_true(view->checkpoint || draining);
        break;
    case LOOP_ABANDON:
        assert_true(was->state == LOOP_TRAIN && was->course == LOOP_DRAINS);
        assert_int_equal(now->course, LOOP_ABANDONS);
        break;
    case LOOP_LEAVE:
        assert_int_equal(was->state, LOOP_COLLECT);
        assert_true(draining ? view->idle : view->settled);
        assert_int_equal(now->course, draining ? LOOP_STOPPED : LOOP_DONE);
        break;
    case LOOP_COMMIT:
    case LOOP_REST:
        assert_int_equal(was->state, now->state);
        assert_int_equal(was->course, now->course);
    }
}

static void each_action_has_its_reason_and_rest_is_reached(void **state)
{
    (void)state;

    for (int s = 0; s < LOOP_STATES; s++)
        for (int c = 0; c < COURSES; c++)
            for (int bits = 0; bits < VIEWS; bits++)
                for (int late = 0; late < 2; late++) {
                    struct fleet_loop loop = {(enum loop_state)s, (enum loop_course)c, 100};
                    struct loop_view view = view_of(bits);
                    enum loop_action action = LOOP_COMMIT;
                    int n = 0;

                    while (action != LOOP_REST) {
                        const struct fleet_loop was = loop;
                        action = fleet_loop_next(&loop, &view, late ? 100 : 99);
                        check_action(&was, &loop, &view, action);
                        assert_true(late || action != LOOP_ABANDON);
                        done(&view, action);
                        assert_true(n++ < 5);
                    }
                    /* nothing that should be done was left */
                    if (loop.state == LOOP_COLLECT && !fleet_loop_draining(&loop))
                        assert_false(view.batch || (view.unsaved && view.checkpoint));
                }
}

static enum loop_action next(struct fleet_loop *loop, int bits, int64_t now_ms)
{
    const struct loop_view view = view_of(bits);

    return fleet_loop_next(loop, &view, now_ms);
}

enum { GROUP = 1, IDLE = 2, BATCH = 4, UNSAVED = 8, CHECKPOINT = 16, SETTLED = 32 };

static void a_run_from_its_first_answer_to_bye(void **state)
{
    struct fleet_loop loop = {LOOP_COLLECT, LOOP_GOES_ON, 0};
    (void)state;

    assert_int_equal(next(&loop, IDLE, 0), LOOP_REST);
    assert_int_equal(next(&loop, GROUP, 0), LOOP_COMMIT);
    assert_int_equal(next(&loop, BATCH, 0), LOOP_ITERATE);
    assert_int_equal(next(&loop, GROUP | BATCH, 0), LOOP_COMMIT); /* of the next iteration */
    assert_int_equal(next(&loop, BATCH, 0), LOOP_REST);
    fleet_loop_move(&loop, LOOP_ANNOUNCE);
    assert_int_equal(next(&loop, GROUP, 0), LOOP_COMMIT); /* its STEP */
    assert_int_equal(next(&loop, BATCH | UNSAVED | CHECKPOINT, 0), LOOP_REST);
    fleet_loop_move(&loop, LOOP_COLLECT);
    assert_int_equal(next(&loop, BATCH | UNSAVED | CHECKPOINT, 0), LOOP_STORE);
    assert_int_equal(next(&loop, SETTLED | IDLE, 0), LOOP_REST); /* it writes */
    fleet_loop_move(&loop, LOOP_COLLECT);
    assert_int_equal(next(&loop, SETTLED | IDLE, 0), LOOP_LEAVE);
    assert_true(fleet_loop_leaves(&loop) && !fleet_loop_draining(&loop));
    assert_int_equal(next(&loop, SETTLED | IDLE, 0), LOOP_REST); /* once */
    fleet_loop_drain(&loop, 100, 10);                            /* a signal while it lingers */
    assert_int_equal(next(&loop, SETTLED | IDLE, 0), LOOP_LEAVE);
    assert_int_equal(loop.course, LOOP_STOPPED);
}

static void a_stop_waits_for_the_iteration_and_saves(void **state)
{
    struct fleet_loop loop = {LOOP_TRAIN, LOOP_GOES_ON, 0};
    (void)state;

    fleet_loop_drain(&loop, 100, 10);
    assert_int_equal(next(&loop, IDLE, 89), LOOP_REST);
    fleet_loop_move(&loop, LOOP_ANNOUNCE);
    assert_int_equal(next(&loop, GROUP, 95), LOOP_COMMIT);
    fleet_loop_move(&loop, LOOP_COLLECT);
    assert_int_equal(next(&loop, BATCH | UNSAVED | IDLE, 96), LOOP_STORE);
    fleet_loop_move(&loop, LOOP_COLLECT);
    assert_int_equal(next(&loop, BATCH, 97), LOOP_REST); /* a group is being written */
    assert_int_equal(next(&loop, BATCH | IDLE, 97), LOOP_LEAVE);
}

static void a_stop_that_takes_too_long_throws_the_iteration_away(void **state)
{
    struct fleet_loop loop = {LOOP_TRAIN, LOOP_GOES_ON, 0};
    (void)state;

    fleet_loop_drain(&loop, 100, 10);
    assert_int_equal(next(&loop, IDLE, 90), LOOP_ABANDON);
    assert_int_equal(next(&loop, IDLE, 91), LOOP_REST); /* until the trainer gives it back */
    fleet_loop_move(&loop, LOOP_COLLECT);
    assert_int_equal(next(&loop, UNSAVED | CHECKPOINT | IDLE, 92), LOOP_LEAVE);
    /* it leaves as any other, but the trainer still stands between two versions */
    assert_int_equal(next(&loop, UNSAVED | CHECKPOINT | IDLE, 93), LOOP_REST);

    loop = (struct fleet_loop){LOOP_TRAIN, LOOP_GOES_ON, 0};
    fleet_loop_drain(&loop, 100, 10);
    fleet_loop_drain(&loop, 100, 10); /* told again: no more patience */
    assert_int_equal(next(&loop, IDLE, 0), LOOP_ABANDON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_action_has_its_reason_and_rest_is_reached),
        cmocka_unit_test(a_run_from_its_first_answer_to_bye),
        cmocka_unit_test(a_stop_waits_for_the_iteration_and_saves),
        cmocka_unit_test(a_stop_that_takes_too_long_throws_the_iteration_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
