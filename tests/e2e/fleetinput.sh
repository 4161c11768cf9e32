#!/bin/sh
# Bad input for a fleet: ports in use, wrong addresses, wrong keys. Each ends in one line (what,
# where, what to do), exit status 1 or 2, in bounded time, and nothing is left in output_dir.
# usage: fleetinput.sh BIN_FOLDER
set -eu
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
started=
trap 'for p in $started; do kill "$p" 2> "$work/dead" || :; done; wait; rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1
drover=$bin/drover
cd "$work"

fail() {
    echo "FAILED: $*"
    exit 1
}
# case_of NUMBER 'words' PROGRAM ARGS...: it ends within 10 s with status 1 or 2; its last line has
# the words, and all others are warnings or notices. Runs beside the other cases.
cases=0
waiting=
case_of() {
    words=$1
    shift
    cases=$((cases + 1))
    (
        status=0
        timeout 10 "$@" > "out$cases" 2> "err$cases" || status=$?
        [ $status -eq 1 ] || [ $status -eq 2 ] || fail "$*: exit $status: $(tail -n 2 "err$cases")"
        [ "$(grep -cv 'level=info\|level=warn\|^plan: ' "err$cases")" -eq 1 ] || fail "$*: not one line: $(cat "err$cases")"
        tail -n 1 "err$cases" | grep -q -- "$words" ||
            fail "$*: '$(tail -n 1 "err$cases")' does not say '$words'"
        [ ! -s "out$cases" ] || fail "$*: answered '$(head -c 200 "out$cases")'"
    ) > "said$cases" 2>&1 &
    waiting="$waiting $cases:$!"
}
settle() { # the results of the cases that run
    for one in $waiting; do
        wait "${one#*:}" || { cat "said${one%:*}"; exit 1; }
    done
    waiting=
}
port_of() { sed -n "s/^$2 tcp:.*://p" "$1"; }
broker() { # broker NAME ARGS...: its ports are in NAME.ports, its process in $last
    name=$1
    shift
    "$bin/drover-broker" --bind=tcp://127.0.0.1:0 --ports-file="$name.ports" "$@" 2> "$name.log" &
    last=$!
    started="$started $last"
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ -s "$name.ports" ] && return
        sleep 0.1
    done
    fail "no broker: $(cat "$name.log")"
}

"$drover" keys new ours > log
"$drover" keys new theirs > log
for role in actor rewarder learner; do
    "$drover" keys add ours $role role=$role > log
    "$drover" keys add theirs $role role=$role > log
done
head -c 60 ours/actor.key > garbled
chmod 600 garbled
cp ours/actor.key readable
chmod 644 readable
# A fleet's one secret, as it was before each worker had a key of its own.
sed 's/"broker"/"drover"/; /role/d' ours/broker.key > shared.key
chmod 600 shared.key
"$drover" world make dir=world layers=1 width=32 heads=2 demonstrations=10 pairs=10 train=20 heldout=4 > log
broker plain
broker secure --keys=ours
for which in control bulk dashboard; do
    eval "plain_$which=$(port_of plain.ports $which) secure_$which=$(port_of secure.ports $which)"
done
local=tcp://127.0.0.1
free=$local:1 # nobody listens there

echo "-- ports in use, addresses, key files: at once"
case_of "$local:$plain_control is in use: is another broker running?" "$bin/drover-broker" --bind=$local:$plain_control
case_of "$local:$plain_bulk is in use" "$bin/drover-broker" --bind=$local:0 --bulk=$local:$plain_bulk
case_of "$local:$plain_dashboard is in use" "$bin/drover-broker" --bind=$local:0 --dashboard=$local:$plain_dashboard
case_of "is no address: tcp://HOST:PORT is meant" "$bin/drover-broker" --bind=127.0.0.1:0
case_of "the port is to be a number" "$bin/drover-broker" --bind=$local:99999
case_of "keys are needed" "$bin/drover-broker" --bind=tcp://0.0.0.0:0
case_of 'nowhere: No such file' "$bin/drover-broker" --keys=nowhere
case_of 'a keys folder is meant' "$bin/drover-broker" --keys=garbled
case_of 'a broker has a keys folder' "$bin/drover-broker" --key=shared.key
for program in actor rewarder; do
    case_of 'one can pose as the broker' "$bin/drover-$program" --key=shared.key
    case_of 'nowhere: No such file' "$bin/drover-$program" --key=nowhere
    case_of 'garbled: not a key file' "$bin/drover-$program" --key=garbled
    case_of 'chmod 600 readable' "$bin/drover-$program" --key=readable
done
case_of 'broker.key: File exists' "$drover" keys new ours
for program in actor rewarder; do
    for wrong in 127.0.0.1:5555 $local udp://127.0.0.1:5555 $local:port; do
        case_of "'$wrong' is no address: tcp://HOST:PORT is meant" "$bin/drover-$program" --broker=$wrong
    done
    case_of "no such key; did you mean 'broker'" "$bin/drover-$program" --brooker=$local:1
done
settle

# A broker with a key that meets a side without one closes as soon as it has read that side's
# greeting, on a busy machine before it has sent its own: then "it hangs up: it wants a key, or is
# no broker" is all that can be known. tests/proto/test_dial waits for the other case.
keyless="broker at $local:$secure_control\(: it hangs up: it\)\? wants a key"
echo "-- nobody listens, no such host, another port, wrong keys"
for program in actor rewarder; do
    case_of "no broker at $free: nobody listens there" "$bin/drover-$program" --broker=$free --wait=1
    case_of "does not resolve" "$bin/drover-$program" --broker=tcp://no.such.host.invalid:5555 --wait=1
    case_of "is a broker's bulk port" "$bin/drover-$program" --broker=$local:$plain_bulk
    case_of "$keyless" "$bin/drover-$program" --broker=$local:$secure_control --key=
    case_of 'not the broker that this key was made for' "$bin/drover-$program" --broker=$local:$secure_control --key=theirs/$program.key
    case_of "no broker at $local:$plain_control" "$bin/drover-$program" --broker=$local:$plain_control --key=ours/$program.key
done
settle
# Without a limit it keeps trying, says so, and leaves at once when told.
"$bin/drover-actor" --broker=$free 2> patient.log &
patient=$!
started="$started $patient"

for word in status top down 'scale actors=2'; do
    case_of "no broker at $free: nobody listens there" "$drover" $word broker=$free dashboard=$free
    case_of 'does not resolve' "$drover" $word broker=tcp://no.such.host.invalid:5555
    case_of "$keyless" "$drover" $word broker=$local:$secure_control dashboard=$local:$secure_dashboard key=
    case_of 'not the broker that this key was made for' "$drover" $word broker=$local:$secure_control dashboard=$local:$secure_dashboard key=theirs/operator.key
    case_of "'here' is no address" "$drover" $word broker=here
    case_of 'nowhere: No such file' "$drover" $word broker=$free key=nowhere
    case_of 'nowhere/fleet.json' "$drover" $word run=nowhere
    case_of 'no living run below this folder' "$drover" $word
done
case_of 'say how many' "$drover" scale
case_of 'no supervisor is connected' "$drover" scale actors=2 broker=$local:$plain_control
case_of 'has no such role' "$drover" scale actors=2 broker=$local:$plain_bulk

echo "-- the learner"
ppo="$drover ppo model=world/model dataset=world/prompts.jsonl response_length=8 output_dir=bad"
rule='rewards=[{name: a, rule: length, min: 1, max: 4}]'
case_of "no broker at $free: nobody listens there" $ppo "$rule" broker=$free broker_wait=1
case_of 'does not resolve' $ppo "$rule" broker=tcp://no.such.host.invalid:5555 broker_wait=1
case_of "'here' is no address" $ppo "$rule" broker=here
case_of "$keyless" $ppo "$rule" broker=$local:$secure_control
case_of 'not the broker that this key was made for' $ppo "$rule" broker=$local:$secure_control broker_key=theirs/learner.key
case_of 'one can pose as the broker' $ppo "$rule" broker=$local:$secure_control broker_key=shared.key
case_of 'nowhere: No such file' $ppo "$rule" broker=$free broker_key=nowhere
settle
[ ! -e bad ] || fail "a learner without a broker left $(find bad)"
# Under a supervisor: the learner's words, and the supervisor's own things are gone too.
ppo2="$drover ppo model=world/model dataset=world/prompts.jsonl response_length=8"
case_of "no such key; did you mean" $ppo2 "$rule" response_lenght=4 output_dir=bad1
case_of 'nowhere' $ppo2 "$rule" model=nowhere output_dir=bad2
case_of 'nowhere' $ppo2 "$rule" dataset=nowhere output_dir=bad3
case_of 'must be larger\|rewards\[0\]' $ppo2 'rewards=[{name: a, rule: length}]' output_dir=bad4
case_of "rewards\[0\]: pattern '(': missing" $ppo2 'rewards=[{name: a, rule: regex, pattern: "("}]' output_dir=bad7
case_of "two rewards are from the worker 'w'" $ppo2 'rewards=[{name: a, worker: w}, {name: b, worker: w}]' output_dir=bad6
case_of 'fleet: ' $ppo2 "$rule" 'fleet={actors: many}' output_dir=bad5
# A judge whose chat template cannot be read could not be asked: said before anything starts.
cp -r world/model judge
printf '{%% include "x" %%}' > judge/chat_template.jinja
case_of 'reward judge: judge: chat template, line 1: ' $ppo2 \
    "rewards=[{judge: judge, mode: pointwise, template: $here/../../examples/judge/pointwise.txt}]" output_dir=bad10
settle
# Lengths: the method's own key, and the largest that fits the longest prompt.
for method in grpo:max_completion_length online-dpo:max_new_tokens ppo:response_length; do
    key=${method#*:}
    case_of "a prompt of 24 tokens, the longest, and $key 512 exceed .* of 128: $key may be 104 at most" "$drover" \
        ${method%:*} model=world/model dataset=world/prompts.jsonl $key=512 "$rule" output_dir="bad-$key"
done
# A reward model that reads less than the policy: before anything runs, not in every rewarder.
"$drover" reward model=world/model dataset=world/pairs.jsonl output_dir=rm max_steps=1 2> log || fail "$(cat log)"
sed -i 's/"max_position_embeddings": [0-9]*/"max_position_embeddings": 64/' rm/model/config.json
case_of "exceed a reward model's context of 64: response_length may be 40 at most" "$drover" ppo model=world/model \
    dataset=world/prompts.jsonl response_length=50 reward_model_path=rm output_dir=bad10
# What no batch changes: an adapter or a smaller model; where a batch helps, the batch.
case_of 'whatever the batch: only a smaller model' $ppo2 "$rule" max_memory=600kB output_dir=bad8
case_of 'lower per_device_train_batch_size (64)' $ppo2 "$rule" per_device_train_batch_size=64 max_memory=5MB output_dir=bad9
settle
[ -z "$(find . -name 'bad*')" ] || fail "a run that did not begin left $(find . -name 'bad*')"

echo "-- a folder whose run goes on"
$ppo2 "$rule" total_episodes=100000 output_dir=live > live.log 2>&1 &
live=$!
started="$started $live"
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    "$drover" status run=live > log 2> err && break
    sleep 0.2
done
cp live/keys/broker.key key
case_of "in live a run goes on, supervised by process $live" $ppo2 "$rule" output_dir=live
settle
cmp key live/keys/broker.key || fail "the second supervisor changed the key of the first"
"$drover" down run=live > log || fail "down: $(cat live.log)"
wait $live || fail "the run did not end well: $(cat live.log)"
grep -q 'event=gone peer=learner died=0' live/logs/broker.log ||
    fail "the learner did not say BYE: $(cat live/logs/broker.log)"
case_of 'this run does not run' "$drover" status run=live
settle
case_of 'live holds a run of ppo, this is dpo' "$drover" dpo model=world/model dataset=world/pairs.jsonl output_dir=live
case_of 'live holds a run of ppo, this is grpo' "$drover" grpo model=world/model dataset=world/prompts.jsonl \
    max_completion_length=8 "$rule" output_dir=live
settle

grep -q "event=no-broker broker=$free .*reason=\"nobody listens there\" next=\"keeps trying\"" patient.log ||
    fail "no warning: $(cat patient.log)"
[ "$(grep -c no-broker patient.log)" -eq 1 ] || fail "warns too often: $(cat patient.log)"
kill $patient
wait $patient || fail "an actor that waits did not end well: $(cat patient.log)"
[ "$("$drover" help | grep -c '^the fleet$')" -eq 1 ] || fail "help: $("$drover" help)"
echo "ok: $cases cases"
