#!/bin/sh
# Models through JSON lines: what decodes also scores, with the same bits, on every instruction set
# and for any number of slots. usage: models.sh BIN_FOLDER
set -eu
bin=$1
here=$(cd "$(dirname "$0")" && pwd)
golden=$here/../golden/model
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive
drover=$bin/drover

fail() {
    echo "FAILED: $*"
    exit 1
}
same() { # same FILE FILE 'words'
    cmp -s "$1" "$2" || fail "$3: $(cmp "$1" "$2" 2>&1)"
}
field() { # field NAME: the list or text under it, of each line on stdin
    sed -n 's/.*"'"$1"'":\(\[[^]]*\]\|"[^"]*"\|[-0-9.e]*\)[,}].*/\1/p'
}

echo "-- a world, twice from one seed"
for name in world again; do
    "$drover" world make dir="$work/$name" layers=2 width=64 heads=2 demonstrations=400 pairs=40 train=400 heldout=64 \
        seed=5 > "$work/$name.log" || fail "world: $(cat "$work/$name.log")"
    (cd "$work/$name" && find . -type f | sort | xargs sha256sum) > "$work/$name.sum"
done
same "$work/world.sum" "$work/again.sum" "one seed, two worlds"
sed -n 's/.*agree on \([0-9]*\)\..*/\1/p' "$work/world.log" | awk '{ exit !($1 > 55 && $1 < 95) }' || fail "$(cat "$work/world.log")"
"$drover" sft model="$work/world/model" dataset="$work/world/sft.jsonl" output_dir="$work/sft" max_steps=60 \
    learning_rate=3e-3 disable_tqdm=true save_strategy=no 2> "$work/log" || fail "$(tail -n 1 "$work/log")"
model=$work/sft # a run folder is a model

echo "-- tokenize"
printf '{"text":"room one : what about parking ?"}\n{"text":""}\n{"text":"a<|endoftext|>\\u0000 \\ud83d\\ude00"}\n' > "$work/in"
"$drover" tokenize --model "$model" < "$work/in" > "$work/out"
[ "$(wc -l < "$work/out")" -eq 3 ] && sed -n 2p "$work/out" | grep -qx '{"ids":\[\]}' || fail "tokenize: $(cat "$work/out")"
sed -n 3p "$work/out" | grep -q ',1,' || fail "tokenize: no special token in $(sed -n 3p "$work/out")"
"$drover" tokenize --model "$golden/llama5" add_generation_prompt=true > "$work/out" <<'EOF'
{"messages":[{"role":"user","content":"hi"}]}
EOF
"$drover" tokenize --model "$golden/llama5" > "$work/out2" <<'EOF'
{"messages":[{"role":"user","content":"hi"}]}
EOF
# the assistant's opening comes after the same messages
[ "$(field ids < "$work/out" | cut -c "1-$(($(field ids < "$work/out2" | wc -c) - 2))")" = \
    "$(field ids < "$work/out2" | sed 's/]$//')" ] || fail "the opening changes what is before it"

echo "-- generate: slots, order and instruction sets leave the same bytes"
sed 's/,"question":[0-9]*//' "$work/world/heldout.jsonl" > "$work/prompts"
for options in 'temperature=0' 'temperature=1 seed=9' 'temperature=0.8 top_k=20 top_p=0.9 min_p=0.02 seed=3'; do
    "$drover" generate --model "$model" $options max_new_tokens=40 < "$work/prompts" > "$work/gen"
    [ "$(wc -l < "$work/gen")" -eq 64 ] || fail "generate: $(wc -l < "$work/gen") answers to 64 prompts"
    for slots in 1 3 64; do
        "$drover" generate --model "$model" $options max_new_tokens=40 slots=$slots < "$work/prompts" > "$work/gen2"
        same "$work/gen" "$work/gen2" "generate $options slots=$slots"
    done
    "$drover" generate --model "$model" $options max_new_tokens=40 slots=1 prompt_lookup_num_tokens=0 < "$work/prompts" > "$work/gen2"
    same "$work/gen" "$work/gen2" "generate $options without guesses"
    for isa in scalar avx2 avx512; do
        if [ $isa = scalar ] || grep -q "$(echo $isa | sed 's/avx512/avx512f/')" /proc/cpuinfo; then
            DROVER_ISA=$isa "$drover" generate --model "$model" $options max_new_tokens=40 < "$work/prompts" > "$work/gen2"
            same "$work/gen" "$work/gen2" "generate $options DROVER_ISA=$isa"
        else
            echo "   not shown: $isa, which this machine lacks"
        fi
    done
    head -n 5 "$work/prompts" | "$drover" generate --model "$model" $options max_new_tokens=40 > "$work/gen2"
    head -n 5 "$work/gen" | cmp -s - "$work/gen2" || fail "generate $options: five prompts alone"
done
# a length that nobody said ends where the context of 128 does; one that somebody said must fit
"$drover" generate --model "$work/world/model" slots=4 < "$work/prompts" > "$work/gen3" || fail "generate: the usual length does not fit"
awk -F'[][]' '{ n = split($2, ids, ","); most = n > most ? n : most } END { exit !(NR == 64 && most > 64 && most < 128) }' "$work/gen3" ||
    fail "generate: answers by the usual length: $(head -c 300 "$work/gen3")"
"$drover" generate --model "$work/world/model" max_new_tokens=128 < "$work/prompts" > "$work/gen3" 2> "$work/err" && fail "128 tokens fit"
grep -q 'at most 1[01][0-9] fit' "$work/err" || fail "generate: $(cat "$work/err")"
"$drover" chat --model "$model" < /dev/null > "$work/gen3" 2> "$work/err"
grep -q 'standard input is empty' "$work/err" || fail "chat: nothing said of no input: $(cat "$work/err")"
"$drover" generate --model "$model" seed=10 max_new_tokens=40 < "$work/prompts" > "$work/gen2"
"$drover" generate --model "$model" seed=9 max_new_tokens=40 < "$work/prompts" > "$work/gen"
cmp -s "$work/gen" "$work/gen2" && fail "two seeds, one answer"
DROVER_ISA=nonsense "$drover" generate --model "$model" < "$work/prompts" > /dev/null 2>&1 && fail "DROVER_ISA=nonsense was taken"

echo "-- what decodes also scores, with the same bits"
for compute in int8 bfloat16 float32; do # float32 last: its files are read below
    "$drover" generate --model "$model" compute=$compute seed=9 max_new_tokens=40 < "$work/prompts" > "$work/gen"
    # The answer's text, and its end where it ended by itself, behind the same prompt. Text that is cut
    # into other tokens than it was made of is left out; there is little of it.
    paste -d '\t' "$work/prompts" "$work/gen" | sed \
        's/^{"prompt":\(".*"\)}\t{"completion":"\(.*\)","ids":.*"finish_reason":"stop"}$/{"prompt":\1,"completion":"\2<|endoftext|>"}/
         s/^{"prompt":\(".*"\)}\t{"completion":"\(.*\)","ids":.*"finish_reason":"length"}$/{"prompt":\1,"completion":"\2"}/' > "$work/pairs"
    "$drover" score --model "$model" compute=$compute < "$work/pairs" > "$work/score"
    for name in gen score; do
        field ids < "$work/$name" > "$work/$name.ids"
        field logprobs < "$work/$name" > "$work/$name.logprobs"
    done
    paste -d ' ' "$work/gen.ids" "$work/score.ids" "$work/gen.logprobs" "$work/score.logprobs" | awk '
        $1 == $2 { same++; tokens += gsub(/,/, ",", $1) + 1; if ($3 != $4) { print "line " NR ": " $3 " decoded, " $4 " scored"; bad = 1 } }
        END { print "   " same " of " NR " answers, " tokens " tokens"; exit bad || same < NR / 2 }' || fail "decode and score differ"
    for isa in scalar avx2 avx512; do
        if [ $isa = scalar ] || grep -q "$(echo $isa | sed 's/avx512/avx512f/')" /proc/cpuinfo; then
            DROVER_ISA=$isa "$drover" score --model "$model" compute=$compute < "$work/pairs" > "$work/score2"
            same "$work/score" "$work/score2" "score DROVER_ISA=$isa"
        fi
    done
    mv "$work/score" "$work/score.$compute"
    cp "$work/score.$compute" "$work/score"
done
cmp -s "$work/score.float32" "$work/score.bfloat16" && fail "compute=bfloat16 computes float32's bits"
cmp -s "$work/score.int8" "$work/score.bfloat16" && fail "compute=int8 computes bfloat16's bits"
"$drover" score --model "$model" compute=fp16 < "$work/pairs" > "$work/score2" 2> "$work/err" && fail "compute=fp16 was taken"
grep -q 'bfloat16' "$work/err" || fail "compute=fp16: $(cat "$work/err")"
: > "$work/score2"
head -n 9 "$work/pairs" | while read -r line; do
    printf '%s\n' "$line" | "$drover" score --model "$model" >> "$work/score2"
done
head -n 9 "$work/score" | cmp -s - "$work/score2" || fail "a line alone scores otherwise"
OMP_NUM_THREADS=1 "$drover" score --model "$model" < "$work/pairs" > "$work/score2"
same "$work/score" "$work/score2" "score with one thread"

echo "-- stop strings, an answer cut inside a character"
printf '{"prompt":"room one : what about parking ?\\ninn :"}\n' > "$work/in"
"$drover" generate --model "$model" temperature=0 max_new_tokens=60 stop='" ."' < "$work/in" > "$work/out"
grep -q '"finish_reason":"stop"' "$work/out" || fail "stop string: $(cat "$work/out")"
grep -q ' \. ' "$work/out" && fail "went on after the stop string: $(cat "$work/out")"
for model2 in llama5 qwen5 mistral4; do
    "$drover" generate --model "$golden/$model2" temperature=3 max_new_tokens=20 < "$work/in" > "$work/out"
    grep -q '^{"completion":".*","ids":\[.*\],"logprobs":\[.*\],"finish_reason":"[a-z]*"}$' "$work/out" || fail "$model2: $(cat "$work/out")"
done

echo "-- inspect, chat, reward-score"
"$drover" inspect "$model" > "$work/out"
grep -qi llama "$work/out" && grep -q "$(sed -n 's/.*weights \([0-9a-f]\{16\}\).*/\1/p' "$work/log")" "$work/out" ||
    fail "inspect does not say the hash that training said: $(head -n 20 "$work/out")"
"$drover" inspect "$model" json=true | grep -q '^{' || fail "inspect json=true"
printf 'hello\n/new\nhello\n/quit\n' | "$drover" chat --model "$golden/llama5" temperature=0 max_new_tokens=12 > "$work/out"
[ "$(wc -l < "$work/out")" -ge 2 ] || fail "chat: $(cat "$work/out")"
printf '{"prompt":"a","completion":" b"}\n{"prompt":[{"role":"user","content":"a"}],"completion":[{"role":"assistant","content":"b"}]}\n' > "$work/in"
"$drover" reward-score --model "$golden/reward4" < "$work/in" > "$work/out"
[ "$(grep -c '^{"score":-*[0-9.e-]*}$' "$work/out")" -eq 2 ] || fail "reward-score: $(cat "$work/out")"
echo "-- trained in bfloat16 and int8: the folder is what was computed with, whatever it is written as"
for compute in bfloat16 int8; do
    run=$work/$compute
    for dtype in bfloat16 float32; do
        "$drover" sft model="$work/world/model" dataset="$work/world/sft.jsonl" output_dir="$run.$dtype" max_steps=5 compute=$compute \
            dtype=$dtype learning_rate=3e-3 disable_tqdm=true save_steps=4 2> "$work/log.$dtype" || fail "$(tail -n 1 "$work/log.$dtype")"
        "$drover" score --model "$run.$dtype" compute=$compute < "$work/pairs" > "$work/score.$dtype" 2> "$work/err"
        grep -q 'rounded' "$work/err" && [ $dtype = bfloat16 ] && fail "what was computed with is rounded again: $(cat "$work/err")"
        sed -n 's/.*done: .* weights \([0-9a-f]*\).*/\1/p' "$work/log.$dtype" > "$work/hash.$dtype"
        grep -q "$(cat "$work/hash.$dtype")" <<EOF || fail "inspect does not say the hash of $dtype"
$("$drover" inspect "$run.$dtype" json=true)
EOF
    done
    same "$work/score.bfloat16" "$work/score.float32" "masters and what was computed with"
    grep -q "masters; computed with $(cat "$work/hash.bfloat16")" "$work/log.float32" || fail "both hashes: $(grep done: "$work/log.float32")"
    for other in float32 bfloat16 int8; do
        [ $other = $compute ] && continue
        "$drover" sft model="$work/world/model" dataset="$work/world/sft.jsonl" output_dir="$run.bfloat16" max_steps=5 compute=$other \
            dtype=bfloat16 learning_rate=3e-3 disable_tqdm=true save_steps=4 > "$work/out" 2>&1 && fail "a run of $compute goes on in $other"
        grep -q "compute was \"$compute\"" "$work/out" || fail "another compute: $(tail -n 1 "$work/out")"
    done
    "$drover" sft model="$work/world/model" dataset="$work/world/sft.jsonl" output_dir="$run.lora" max_steps=2 compute=$compute use_peft=true \
        disable_tqdm=true save_strategy=no 2> "$work/log" || fail "$(tail -n 1 "$work/log")"
    "$drover" score --model "$run.lora" compute=$compute < "$work/pairs" > "$work/score2" || fail "an adapter of $compute"
    "$drover" score --model "$run.lora" < "$work/pairs" > "$work/score2" 2> "$work/err" && fail "an adapter on another base"
    grep -q 'say compute=bfloat16, or int8' "$work/err" || fail "an adapter on a rounded base: $(cat "$work/err")"
done
cmp -s "$work/bfloat16.bfloat16/model/model.safetensors" "$work/int8.bfloat16/model/model.safetensors" && fail "int8 trains as bfloat16"
echo "passed"
