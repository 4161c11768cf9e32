#!/bin/sh
# Seeds known mistakes into copies of the broker and checks that the simulation or the unit
# tests see each of them, under a sanitizer: some mistakes are only a use of what is freed.
# A development tool: some minutes.
# usage: mutants.sh build-folder (built, without sanitizers) [name ...]
set -eu
build=$(cd "$1" && pwd)
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-std=c11 -O2 -w -fsanitize=address -D_POSIX_C_SOURCE=200809L"
libs="$build/proto/libproto.a $build/base/libbase.a $(pkg-config --libs libzmq libsodium nettle jansson yaml-0.1 cmocka msgpack-c 2>/dev/null || pkg-config --libs libzmq libsodium nettle jansson yaml-0.1 cmocka msgpack) -lm"
missed=0

# All is compiled once; a mutant is one object that takes the place of another.
tests="rules leases scores reopened answers blame breaker overdue refused reclaim pace depot sim"
mkdir "$work/broker" "$work/tests" "$work/mutant"
object() { # object from to
    # shellcheck disable=SC2086
    cc $flags -I"$root" -c -o "$2" "$1"
}
for name in $(cd "$root/broker" && ls -- *.c | grep -vE '^(main|serve|bulk|dashboard|listen)[.]c'); do
    object "$root/broker/$name" "$work/broker/${name%.c}.o"
done
for name in fixture paced hosts hosts_child sim sim_learner sim_net sim_worker $(for test in $tests; do echo "test_$test"; done); do
    object "$root/tests/broker/$name.c" "$work/tests/$name.o"
done

mutant() { # mutant name file 'text' 'other text' ['seeds']
    name=$1
    case " $chosen " in "  " | *" $name "*) ;; *) return 0 ;; esac
    part=$(basename "$2" .c).o
    FROM=$3 TO=$4 awk 'BEGIN { from = ENVIRON["FROM"]; to = ENVIRON["TO"] }
        { all = all $0 "\n" }
        END { at = index(all, from); if (!at) exit 1
              printf "%s", substr(all, 1, at - 1) to substr(all, at + length(from)) }' \
        "$root/$2" >"$work/mutant/mutant.c" || { echo "$name: text not found in $2"; missed=1; return 0; }
    object "$work/mutant/mutant.c" "$work/mutant/$part" || { echo "$name: is no C"; missed=1; return 0; }
    others=$(ls "$work"/broker/*.o | grep -v "/$part\$")
    seen=
    for test in $tests; do
        # shellcheck disable=SC2086
        cc -fsanitize=address -o "$work/$test" "$work/tests/test_$test.o" "$work"/tests/sim*.o "$work"/tests/hosts*.o "$work/tests/fixture.o" "$work/tests/paced.o" \
            $others "$work/mutant/$part" $libs
        ASAN_OPTIONS=detect_leaks=0 DROVER_SIM_SEEDS=${5:-40} timeout 300 "$work/$test" >"$work/log" 2>&1 || {
            seen="$seen $test: $(grep -m1 -oE 'seed [0-9]+, faults.*|LINE.*|Assertion.*' "$work/log" | cut -c1-90)"
            break
        }
    done
    rm "$work/mutant/$part"
    if [ -n "$seen" ]; then echo "seen    $name -$seen"; else echo "MISSED  $name"; missed=1; fi
}
chosen="$*"

mutant hash-of-a-join broker/answers.c '!hash_same(&sample->body->hash, &score->rollout[r])' '0'
mutant no-wait-of-a-new-broker broker/learner.c 'now_ms + b->limits.wait_ms' 'now_ms'
mutant claims-forgotten broker/handshake.c '        if (later && !other)' '        if (0)'
mutant learner-hello-resends-nothing broker/broker.c '        to_learner_again(b);' '        ;'
mutant rewarder-hello-keeps-tickets broker/broker.c '    scores_take_back(b, member); /* a rewarder keeps nothing */' '    ;'
mutant dead-actor-keeps-leases broker/broker.c '    hold_requeue_all(b, member, now_ms);' '    while (member->lease != UINT32_MAX) lease_end(&b->leases, member->lease);'
mutant leases-never-expire broker/grant.c 'if (now_ms - moved < b->limits.lease_ms)' 'if (1)'
mutant lost-leases-are-kept broker/grant.c 'lease->heard != b->beats' '0'
mutant unclaimed-work-is-kept broker/handshake.c '    requeue_unclaimed(b, actor, hello, now_ms);' '    ;'
mutant old-epoch-may-return broker/run.c 'if (msg->head.epoch > run->epoch ||' 'if (true ||'
mutant old-learner-is-kept broker/learner.c 'if (old && old != learner)' 'if (0)'
mutant credit-ignores-flight broker/members.c 'member->flight_bytes + bytes <= member->credit_bytes' 'member->credit_bytes > 0'
mutant credit-of-actors-ignored broker/room.c 'actor->avail -= lease->count;' ';'
mutant what-ended-on-its-way-is-free broker/room.c 'actor->avail -= (int64_t)actor->ended;' ';'
mutant kept-leases-take-credit-twice broker/handshake.c 'lease->known = true;' ';'
mutant space-is-not-reserved broker/tasks.c '    if (tasks->space + bytes > tasks->space_max)
        return false;' '    ;'
mutant space-is-not-freed broker/tasks.c '    tasks->space -= sample->space;' '    ;'
mutant groups-reserve-one-by-one broker/opening.c 'task->whole |= scorer->unit != UNIT_ROLLOUT;' ';'
mutant others-jump-the-queue-for-space broker/grant.c '        if (b->space_short) /* who is first in line gets the space that comes free */
            return false;' '        if (b->space_short)
            return true;'
mutant second-answer-replaces-the-first broker/rollouts.c '    case SAMPLE_SCORING:
    case SAMPLE_READY:
        verify_second(b, from, task, rollout);' '    case SAMPLE_SCORING:
        task->sample[rollout->sample].body->hash = rollout->hash;
    case SAMPLE_READY:
        verify_second(b, from, task, rollout);'
mutant who-lacks-the-weights-gets-work broker/grant.c ' || !wanted_held(m, version))' ')'
mutant batch-of-two-temperatures broker/scores.c 'batch->temperature != task->def->decoding.temperature' '0'
mutant partial-answers-are-whole broker/answers.c '        scores_requeue(b, ticket); /* what it left out */' '        ;'
mutant refused-tickets-are-lost broker/scores.c 'ticket->again_ms && now_ms >= ticket->again_ms' '0'
mutant drops-are-sent-once broker/to_learner.c 'task->sample[i].queued = task->sample[i].sent = false;' 'task->sample[i].queued = false; if (task->sample[i].state != SAMPLE_DROPPED) task->sample[i].sent = false;'
mutant cancelled-work-stays broker/learner.c '        tasks_move(&b->tasks, task, i, SAMPLE_DROPPED, now_ms);' '        if (sample->state != SAMPLE_LEASED) tasks_move(&b->tasks, task, i, SAMPLE_DROPPED, now_ms);'
mutant gaps-are-opened broker/opening.c '    if (def->id > tasks->open_to) {' '    if (0) {'
mutant settled-is-not-in-heartbeats broker/heartbeat.c '    msg.hb.settled = settled_view(&b->run.settled);' '    ;'
mutant heartbeats-settle-nothing broker/learner.c '    take_settled(b, &msg->hb.settled, now);' '    ;'
mutant bodies-wanted-before-hello broker/handshake.c '    if (!task || task->epoch != b->run.epoch) {
        *later = task || claim->task >= b->tasks.open_to;
        return *later ? CLAIM_KEEP : CLAIM_FREE;' '    if (!task || task->epoch != b->run.epoch) {
        return claim->done ? CLAIM_WANT : CLAIM_FREE;'
mutant adopted-is-not-told broker/grant.c '            send_lease(b, m, lease);' '            ;'
mutant run-of-claims-is-forgotten broker/broker.c '    if (memcmp(&msg->head.run, &none, sizeof none)) /* else: as it said before */' '    '
mutant send-errors-are-ignored broker/outbox.c '    to->greeted = false;' '    ;'
mutant letters-outlive-their-member broker/broker.c '    outbox_forget(&b->outbox, member);' '    ;'
mutant late-answers-are-thrown-away broker/answers.c '    if (!ticket || !hash_same(' '    if (!ticket || !ticket->holder || !hash_same('
mutant a-busy-broker-takes-another-run broker/run.c '(run->left || now_ms - run->seen_ms >= hold_ms)' 'true'
mutant refused-work-comes-back-at-once broker/blame.c '    at->not_before_ms = now_ms + limits_rest_ms(&b->limits, at->attempts++);' '    at->attempts++;'
mutant poison-is-tried-for-ever broker/blame.c 'if (++at->tries->own >= OWN_TRIES)' 'if (0)'
mutant a-workers-word-is-poison broker/blame.c '        if (add_try(at, &by->id, by->who, reason))' '        poison(b, task, sample, now_ms); if (0)'
mutant a-worker-counts-twice broker/blame.c '    if (tries && (tried(tries, peer, who) || ' '    if (tries && ('
mutant names-count-twice broker/blame.c '|| !strcmp(tries->by[i].who, who))' ')'
mutant own-gets-everything broker/blame.c '        return at->own;' '        return true;'
mutant others-get-what-is-owns broker/blame.c '    return !at->own && (' '    return ('
mutant tries-are-not-told broker/blame.c '            tell(b, task->def->id, sample, by->who, reason);' '            ;'
mutant owns-id-is-public broker/stats.c 'return run_is_own(&b->run, m) ? (struct id){{0}} : m->id;' 'return m->id;'
mutant a-scorer-is-never-paused broker/breaker.c 'return at->fails >= BREAKER_FAILS;' 'return false;'
mutant what-was-under-way-prolongs broker/breaker.c '    if (at->probe_ms && ticket != at->probe)' '    if (0)'
mutant unreadable-answers-are-nothing broker/answers.c '        rest(b, ticket, from, words, now_ms); /* which one' '        ; /* which one'
mutant a-pause-never-ends broker/breaker.c '    return now_ms >= at->probe_ms && ' '    return 0 && '
mutant a-pause-is-tried-with-all broker/scores.c '        room = 1; /* one unit' '        ; /* one unit'
mutant a-contradiction-is-read broker/answers.c '    if (sum == score->n_value)' '    if (1)'
mutant a-refusal-frees-one-sample broker/rollouts.c '    hold_requeue(b, lease, now);' '    hold_release(b, &task->sample[fail->sample], from); tasks_move(&b->tasks, task, fail->sample, SAMPLE_WAITING, now);'
mutant text-for-everybody broker/scores.c 'fill_item(&item[i], task->def, sample->body, scorer->needs_text)' 'fill_item(&item[i], task->def, sample->body, true)'
mutant names-outlive-their-opening broker/tasks.c 'if (!at || at->serial != name->serial || name->sample >= at->def->samples)' 'if (!at)'
mutant anybody-may-answer-a-ticket broker/answers.c 'if (memcmp(&ticket->to, &from->id, sizeof from->id))' 'if (0)'
mutant hoarders-keep-their-leases broker/broker.c '    overdue_expire(b, now_ms);' '    ;'
mutant the-slow-are-hurried-by-the-busy broker/overdue.c '!idle_beside(b, m, &task->sample[lease->first])' '0'
mutant who-was-overdue-hoards-again broker/overdue.c '        probation_begin(m, lease->left, "its work was overdue");' '        ;'
mutant versions-are-not-known broker/verify.c '        err = run_announced(&b->run, &rollout->span[i].version);' '        ;'
mutant who-lies-has-it-back-at-once broker/verify.c '    room_rest(from, ' '    if (0) room_rest(from, '
mutant bad-answers-stay-leased broker/verify.c '    tasks_move(&b->tasks, task, sample, SAMPLE_WAITING, now_ms);' '    ;'
mutant a-proof-is-a-duplicate broker/verify.c '        hash_same(&at->body->hash, &rollout->hash)) {' '        1) {'
mutant nan-is-a-score broker/answers.c '        if (!isfinite(score->value[i])) {' '        if (0) {'
mutant the-liars-hands-are-not-freed broker/refused.c '    if (news)
        free_hands(b, now);' '    ;'
mutant what-is-ready-is-not-sent broker/table.c 'answers_on_score, MOVE(SCORING, READY), ASK | LEARNER' 'answers_on_score, MOVE(SCORING, READY), ASK'
mutant wanted-is-not-told broker/heartbeat.c 'msg.hb.n_wanted = b->n_wanted;' ';'
mutant who-comes-is-not-told-what-is-wanted broker/handshake.c 'out->n_wanted = b->n_wanted;' ';'
mutant what-is-wanted-is-found-late broker/opening.c '    wanted_add(b, &task->def->version);' '    ;'
mutant who-lacks-the-weights-is-not-named broker/wanted.c '        lacking++;' '        ;'
mutant the-slow-come-first broker/pace.c 'return m->slow ? done' 'return 0 ? done'
mutant the-slow-get-nothing broker/grant.c '        grant_list(b, &b->room.slow, now_ms);' '        ;'
mutant shares-are-equal broker/grant.c '(m->speed > 0 ? m->speed : 1)' '1'
mutant nobody-is-slow broker/pace.c 'SLOW * m->speed < 2 * pace->usual' '0'
mutant time-in-hand-is-not-counted broker/pace.c 'm->pace_ms += (double)m->held' 'm->pace_ms += 0 * (double)m->held'
mutant what-is-held-is-not-counted broker/hold.c '    pace_hold(lease->holder, -1, b->now_ms);' '    ;'
mutant who-is-silent-is-believed broker/pace.c 'm->quiet = now_ms - m->heard_ms > QUIET_MS;' 'm->quiet = false;'
mutant unbegun-work-stays broker/reclaim.c '    if (one.count)
        add(s, &one);' '    ;'
mutant begun-work-is-taken-away broker/reclaim.c 'hold_take_part(b, lease, end - count, count, !one->begun, now_ms);' 'hold_take_part(b, lease, end - count, count, true, now_ms);'
mutant begun-work-is-not-copied broker/reclaim.c 'return ratio <= WORTH' 'return 0 && ratio <= WORTH'
mutant all-work-is-copied broker/reclaim.c '    return ratio <= WORTH && ' '    return 1 || '
mutant copies-without-end broker/reclaim.c 'task->sample[i].copies += one->begun;' ';'
mutant busy-slots-are-filled broker/reclaim.c '(int64_t)m->slots - (int64_t)m->held' '(int64_t)m->slots'
mutant late-work-waits-for-the-idle broker/broker.c '            reclaim_late(b, now_ms);' '            ;'
mutant the-whole-lease-is-revoked broker/hold.c '.n_from = from ? 1 : 0' '.n_from = 0'
mutant what-is-over-goes-on broker/hold.c 'revoke(b, lease, 0, true);' 'revoke(b, lease, 0, false);'
mutant probation-ends-with-the-connection broker/probation.c '        m->trust = at->trust;' '        ;'
mutant probation-is-for-ever broker/probation.c '    m->trust *= 2;' '    ;'
mutant one-death-is-probation broker/probation.c 'DEATHS = 2' 'DEATHS = 1'
mutant deaths-are-forgotten broker/probation.c 'm->deaths + (died && m->held)' '0'
mutant stillness-is-forgotten broker/grant.c '            probation_begin(m, lease->left, "it stood still with work in hand");' '            ;'
mutant chunks-are-not-checked broker/bulk/stock.c '    if (!checks(item, chunk, b->data)) {' '    if (0) {'
mutant wanted-chunks-give-way broker/bulk/stock.c '        if (slot->wanted) {' '        if (0) {'
mutant the-cache-has-no-limit broker/bulk/stock.c '    while (c->used + stock_size(item, chunk) > c->limit) {' '    while (0) {'
mutant learners-are-asked-first broker/bulk/supply.c 'SUPPLY_OTHER + 1 : 0) + (int)s->kind' 'SUPPLY_OTHER + 1 : 0) - (int)s->kind'
mutant a-liar-is-asked-again broker/bulk/supply.c '    h->banned = true;' '    ;'
mutant what-a-child-has-is-ignored broker/bulk/supply.c '            h->have[i / 8] |= bit;' '            ;'
mutant silent-sources-are-waited-for broker/bulk/supply.c '        s->silent = true;' '        ;'
mutant new-hosts-need-no-first-chunk broker/bulk/chain.c 'have ? CHAIN_LATER : CHAIN_FIRST' 'true ? CHAIN_LATER : CHAIN_FIRST'
mutant children-come-before-guests broker/bulk/chain.c ' && !(m->parent && m->parent->peer->guests.due)' ''
mutant parents-have-any-number-of-children broker/bulk/chain_place.c '        if (at < least) {' '        if (!found) {'
mutant slow-parents-are-kept broker/bulk/chain_place.c '    move_up(c, m, now_ms);' '    ;'
mutant children-of-the-dead-wait broker/bulk/chain.c '    chain_place_orphan(c, m, now_ms);
    while (*at != m)' '    while (*at != m)'
mutant revoked-keys-stay-guests broker/bulk/guests.c '        if (hash_same(&g->one[i].key, key))
            take_out(g, i);' '        ;'
mutant who-has-a-parent-is-fed-here broker/bulk/depot_pump.c '    default:
        return true;' '    default:
        return false;'
mutant full-pipes-lose-words broker/bulk/depot_pump.c '            chain_unsaid(d->chain, to, key);' '            ;'
[ $missed = 0 ] || { echo "some were missed"; exit 1; }
