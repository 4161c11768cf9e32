#!/bin/sh
# Bad input: each ends in one line (what, where, what to do), exit status 1 or 2, and nothing
# half-written. usage: badinput.sh BIN_FOLDER
set -eu
bin=$1
here=$(cd "$(dirname "$0")" && pwd)
golden=$here/../golden
work=$(mktemp -d)
export work
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1
drover=$bin/drover
cases=0

fail() {
    echo "FAILED: $*"
    exit 1
}
# refuse 'words' ARGS...: drover ARGS ends with one line on stderr that has those words, after at
# most the run's plan, and says nothing else; $work/bad, the output_dir, is not there afterwards.
refuse() {
    words=$1
    shift
    status=0
    "$drover" "$@" < "$work/in" > "$work/out" 2> "$work/all" || status=$?
    sed '/^plan: /d; /^data: /d' "$work/all" > "$work/err"
    [ $status -eq 1 ] || [ $status -eq 2 ] || fail "drover $*: exit $status: $(tail -n 2 "$work/err")"
    [ "$(wc -l < "$work/err")" -eq 1 ] || fail "drover $*: not one line: $(cat "$work/err")"
    grep -q -- "$words" "$work/err" || fail "drover $*: '$(cat "$work/err")' does not say '$words'"
    [ ! -s "$work/out" ] || fail "drover $*: answered '$(head -c 200 "$work/out")'"
    [ ! -e "$work/bad" ] || fail "drover $*: left $(find "$work/bad")"
    cases=$((cases + 1))
}
input() {
    printf "$@" > "$work/in"
}
copy() { # copy NAME: the model's folder again, to be damaged
    rm -rf "$work/$1"
    cp -r "$model" "$work/$1"
}

"$drover" world make dir="$work/world" layers=1 width=32 heads=2 demonstrations=40 pairs=40 train=40 \
    heldout=8 > "$work/log" || fail "no world"
model=$work/world/model
sft=$work/world/sft.jsonl
pairs=$work/world/pairs.jsonl
input '{"prompt":"room","completion":" one"}\n'

echo "-- missing and damaged models"
for word in score generate tokenize; do
    refuse 'nowhere' $word --model "$work/nowhere"
done
refuse 'which model?' score
refuse 'learning_rate: a value is missing' sft --learning_rate
for word in eval data 'eval winn' 'data winn'; do
    status=0
    "$drover" $word 2> "$work/err" || status=$?
    [ $status -eq 2 ] || fail "drover $word: exit $status"
    grep -q "^usage: drover ${word%% *}" "$work/err" || fail "drover $word: no usage"
    [ "$word" = "${word% winn}" ] || grep -q "'winn'" "$work/err" || fail "drover $word: it is not named"
done
says() { # says 'words' ARGS...: drover ARGS ends with its usage, behind a line with those words
    words=$1
    shift
    status=0
    "$drover" "$@" 2> "$work/err" || status=$?
    [ $status -eq 2 ] && grep -q -- "$words" "$work/err" && grep -q "^usage: drover $1 " "$work/err" || fail "drover $*: exit $status: $(cat "$work/err")"
    cases=$((cases + 1))
}
says "'exprt' is none of its words; did you mean 'export'?" prefs exprt prefs.db
says "'model=elo' stands where FILE|prefs.db belongs" rank model=elo votes.jsonl
says "'level=pairs' stands where FILE belongs" agreement level=pairs votes.jsonl
says "'to=x' stands where NAME belongs" pull to=x
refuse 'model_name_or_path' sft dataset="$work/nowhere" output_dir="$work/bad"
refuse 'dataset' sft model="$work/nowhere" output_dir="$work/bad"
refuse 'nowhere' inspect "$work/nowhere"
refuse 'nowhere' sft model="$work/nowhere" dataset="$sft" output_dir="$work/bad"
refuse 'nowhere' reward model="$work/nowhere" dataset="$pairs" output_dir="$work/bad"
size=$(wc -c < "$model/model.safetensors")
for keep in 0 4 100 5000 $((size - 1)); do
    copy cut
    head -c $keep "$model/model.safetensors" > "$work/cut/model.safetensors"
    refuse 'cut/model.safetensors' score --model "$work/cut"
    refuse 'cut/model.safetensors' sft model="$work/cut" dataset="$sft" output_dir="$work/bad"
done
gguf=$golden/model/llama.gguf
size=$(wc -c < "$gguf")
for keep in 0 3 20 3000 $((size / 2)) $((size - 1)); do
    head -c $keep "$gguf" > "$work/cut.gguf"
    refuse 'cut.gguf' score --model "$work/cut.gguf"
done
refuse 'cut.gguf' sft model="$work/cut.gguf" dataset="$sft" output_dir="$work/bad"
copy damaged
rm "$work/damaged/model.safetensors"
refuse 'model.safetensors' score --model "$work/damaged"
copy damaged
rm "$work/damaged/tokenizer.json"
refuse 'tokenizer' score --model "$work/damaged"
copy damaged
printf '{"architectures": ["BertModel"], "model_type": "bert"}' > "$work/damaged/config.json"
refuse 'BertModel is not supported' score --model "$work/damaged"
printf '{"architectures": ' > "$work/damaged/config.json"
refuse 'config.json' score --model "$work/damaged"

echo "-- a model that does not match its tokenizer"
copy other
cp "$golden/tokenizer_smollm.json" "$work/other/tokenizer.json"
refuse 'tokenizer' score --model "$work/other"
refuse 'tokenizer' sft model="$work/other" dataset="$sft" output_dir="$work/bad"

echo "-- wrong kinds of file and of model"
refuse 'sft.jsonl' score --model "$sft"
refuse 'rows.parquet: No such file' sft model="$model" dataset="$work/rows.parquet" output_dir="$work/bad"
cp "$sft" "$work/rows.parquet"
refuse 'rows.parquet: is no Parquet file' sft model="$model" dataset="$work/rows.parquet" output_dir="$work/bad"
for kind in brotli decimal int96 hostile/encrypted hostile/bomb; do
    refuse "$kind.parquet:.*\(not read\|more than\)" sft model="$model" dataset="$golden/columns/$kind.parquet" output_dir="$work/bad"
done
refuse 'model.safetensors' sft model="$model" dataset="$model/model.safetensors" output_dir="$work/bad"
refuse 'train' sft model="$model" dataset="$model" output_dir="$work/bad"
cp "$model/model.safetensors" "$work/run.yaml"
refuse 'run.yaml' sft "$work/run.yaml"
refuse 'gone.yaml' sft "$work/gone.yaml"
refuse 'reward model' reward-score --model "$model"
refuse 'reward model' score --model "$golden/model/reward4"
refuse 'reward model' sft model="$golden/model/reward4" dataset="$sft" output_dir="$work/bad"

echo "-- unknown keys and values"
printf 'model: %s\ndataset: %s\noutput_dir: %s\nlerning_rate: 1e-5\n' "$model" "$sft" "$work/bad" > "$work/typo.yaml"
refuse "did you mean 'learning_rate'" sft "$work/typo.yaml"
refuse "did you mean 'temperature'" generate --model "$model" temprature=0
refuse 'max_steps' sft model="$model" dataset="$sft" output_dir="$work/bad" max_steps=many
refuse 'learning_rate' sft model="$model" dataset="$sft" output_dir="$work/bad" learning_rate=-1
refuse 'top_p' generate --model "$model" top_p=1.5
printf 'model: [1\n' > "$work/broken.yaml"
refuse 'broken.yaml' sft "$work/broken.yaml"

echo "-- records"
printf '{"prompt": "a", "chosen": "b", "rejected": "c"}\n{"prompt": "a", "rejected": "c"}\n' > "$work/records.jsonl"
refuse "records.jsonl:2: 'chosen' is missing" reward model="$model" dataset="$work/records.jsonl" output_dir="$work/bad"
printf '{"prompt": "a", "completion": 7}\n' > "$work/records.jsonl"
refuse "records.jsonl:1: .*completion" sft model="$model" dataset="$work/records.jsonl" output_dir="$work/bad"
printf '{"text": "a"}\n{"text": "b"\n' > "$work/records.jsonl"
refuse 'records.jsonl:2: not JSON' sft model="$model" dataset="$work/records.jsonl" output_dir="$work/bad"
: > "$work/records.jsonl"
refuse 'records.jsonl' sft model="$model" dataset="$work/records.jsonl" output_dir="$work/bad"
printf '{"chosen": "no dialogue", "rejected": "none"}\n' > "$work/records.jsonl"
refuse "records.jsonl:1: .*Assistant" reward model="$model" dataset="$work/records.jsonl" format=hh output_dir="$work/bad"

echo "-- answers, steps and calls that teach nothing: one line; counted where strict is off"
chat=$golden/model/llama5
counted() { # counted METHOD MODEL: trains on the good record alone and says that the other is bad
    "$drover" "$1" model="$2" dataset="$work/records.jsonl" output_dir="$work/lenient" strict=false max_steps=1 save_strategy=no \
        disable_tqdm=true > "$work/out" 2> "$work/err" || fail "$1 strict=false: $(tail -n 1 "$work/err")"
    grep -q '^data: .* 1 bad$' "$work/err" || fail "$1 strict=false does not count: $(cat "$work/err")"
    [ "$(grep -c "^data: left out, .*records.jsonl:2: .*; .drover data lint $work/records.jsonl. lists" "$work/err")" -eq 1 ] ||
        fail "$1 strict=false does not say once which record and why: $(cat "$work/err")"
    rm -rf "$work/lenient"
    cases=$((cases + 1))
}
both() { # both 'words' MODEL METHOD...: each method refuses line 2, and counts it
    told=$1 with=$2
    shift 2
    for method; do
        refuse "records.jsonl:2: .*$told" "$method" model="$with" dataset="$work/records.jsonl" output_dir="$work/bad"
        counted "$method" "$with"
    done
}
pair='{"prompt":"room","chosen":" one","rejected":" two"}'
printf '%s\n{"prompt":"room","chosen":" one","rejected":" one"}\n' "$pair" > "$work/records.jsonl"
both "the same: nothing is preferred; strict=false" "$model" reward dpo simpo orpo cpo kto
printf '%s\n{"prompt":"room","chosen":" one","rejected":""}\n' "$pair" > "$work/records.jsonl"
both "'rejected' is empty; strict=false" "$model" reward dpo kto
printf '{"prompt":"room","completion":" one"}\n{"prompt":"room","completion":""}\n' > "$work/records.jsonl"
both "'completion' is empty" "$model" sft
printf '{"prompt":"room","completion":" one","label":true}\n{"prompt":"room","completion":"","label":false}\n' > "$work/records.jsonl"
both "'completion' is empty" "$model" kto
steps='{"prompt":"room","completions":["a","b"],"labels":[true,false]}'
printf '%s\n{"prompt":"room","completions":["a","b"],"labels":[true]}\n' "$steps" > "$work/records.jsonl"
both "'labels': 1 of them for 2 steps" "$model" prm
refuse "records.jsonl:2: labels: 'labels': 1 of them for 2 steps" data convert "$work/records.jsonl" output="$work/bad"
refuse "lines are written plain, not as gzip" data convert "$work/records.jsonl" output="$work/bad.jsonl.gz"
printf '%s\n{"prompt":"room","completions":["a","b"],"labels":[true,"maybe"]}\n' "$steps" > "$work/records.jsonl"
both "'labels'\[1\]: expected true, false" "$model" prm
printf '%s\n{"prompt":"room","completions":["a",""],"labels":[true,true]}\n' "$steps" > "$work/records.jsonl"
both "'completions'\[1\] is empty" "$model" prm
printf '%s\n{"prompt":"room","completions":[],"labels":[]}\n' "$steps" > "$work/records.jsonl"
both "not a list of steps" "$model" prm
user='{"role":"user","content":"x"}' said='{"role":"assistant","content":"fine"}'
call='{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":"{\"a\": "}}]}'
printf '{"prompt":[%s],"chosen":[%s],"rejected":[{"role":"assistant","content":"no"}]}\n{"prompt":[%s],"chosen":[%s],"rejected":[%s]}\n' \
    "$user" "$said" "$user" "$call" "$said" > "$work/records.jsonl"
both 'chosen\[0\]: tool_calls\[0\] (f): arguments: not JSON' "$chat" reward dpo
refuse 'records.jsonl:2: tool_call: .*arguments: not JSON' data convert "$work/records.jsonl" output="$work/bad"
printf '{"messages":[%s,%s]}\n{"messages":[%s,%s]}\n' "$user" "$said" "$user" "$call" > "$work/records.jsonl"
both 'messages\[1\]: tool_calls\[0\] (f): arguments: not JSON' "$chat" sft
printf '{"prompt":[%s],"completion":[%s],"label":true}\n{"prompt":[%s],"completion":[{"tool":"f","args":"{"}],"label":true}\n' \
    "$user" "$said" "$user" > "$work/records.jsonl"
both "'args' is not an object" "$chat" kto

echo "-- lint says what training says, and nothing is left out in silence"
same() { # same 'words' METHOD 'RECORD': training and lint refuse the record with these words
    printf '%s\n' "$3" > "$work/records.jsonl"
    refuse "records.jsonl:1: .*$1" "$2" model="$chat" dataset="$work/records.jsonl" output_dir="$work/bad"
    status=0
    "$drover" data lint "$work/records.jsonl" method="$2" model="$chat" > "$work/lint" 2>&1 || status=$?
    [ $status -eq 1 ] || fail "lint $2: exit $status for $3"
    grep -q "records.jsonl:1: .*$1" "$work/lint" || fail "lint $2 does not say '$1': $(cat "$work/lint")"
    cases=$((cases + 1))
}
agent='{"prompt":"p","chosen":[{"tool":"f","args":{"x":1}}],"rejected":[{"tool":"g"}]}'
same "rename: {query: prompt}" kto '{"query":"q","chosen":"a","rejected":"b"}'
same "no prompt: 'chosen' and 'rejected' begin differently" orpo '{"chosen":"a","rejected":"b"}'
same "say format=helpsteer" dpo '{"prompt":"q","response_1":"a","response_2":"b","preference_strength":1}'
same "rename: {question: prompt, answer: completion}" sft '{"question":"q","answer":"a"}'
same "needs 'chosen' and 'rejected'; its columns are: messages" dpo '{"messages":[{"role":"user","content":"q"}]}'
same "holds the character U+0000" sft '{"prompt":"a\u0000b","completion":" c"}'
same "a number that 64 bits do not hold" sft '{"text":"a","id":12345678901234567890}'
same "calls=text writes them as text" dpo "$agent"
printf '%s\n' "$agent" > "$work/records.jsonl"
"$drover" dpo model="$chat" chat_template_path=qwen2.5 dataset="$work/records.jsonl" output_dir="$work/agent" max_steps=1 save_strategy=no \
    max_length=512 disable_tqdm=true 2> "$work/err" || fail "an agent's record: $(tail -n 1 "$work/err")"
takes() { # takes METHOD FORMAT 'RECORD': told nothing, the trainer reads it as this, and says so; lint agrees
    printf '%s\n' "$3" > "$work/records.jsonl"
    "$drover" "$1" model="$chat" dataset="$work/records.jsonl" output_dir="$work/taken" overwrite_output_dir=true max_steps=1 \
        save_strategy=no disable_tqdm=true 2> "$work/err" || fail "$1 of $2: $(tail -n 1 "$work/err")"
    grep -q "read as format=$2$" "$work/err" || fail "$1 does not say that it read $2: $(cat "$work/err")"
    "$drover" data lint "$work/records.jsonl" method="$1" model="$chat" > "$work/lint" || fail "lint $1 of $2: $(cat "$work/lint")"
    cases=$((cases + 1))
}
takes dpo orca '{"system":"s","question":"q","chosen":"a","rejected":"b"}'
takes reward orca '{"system":"s","question":"q","chosen":"a","rejected":"b"}'
takes dpo argilla '{"instruction":"q","chosen_response":"a","rejected_response":"b"}'
takes sft alpaca '{"instruction":"q","input":"","output":"a"}'
takes sft ultrachat '{"id":"0","data":["q","a"]}'
takes kto shp '{"history":"q","human_ref_A":"a","human_ref_B":"b","labels":1}'
takes dpo webgpt '{"question":{"full_text":"q"},"answer_0":"a","answer_1":"b","score_0":1,"score_1":-1}'
takes dpo oasst '{"message_tree_id":"t","prompt":{"text":"q","role":"prompter","replies":[{"text":"a","role":"assistant","rank":0},{"text":"b","role":"assistant","rank":1}]}}'
printf '%s\n' '{"prompt":"hi","prompt_id":"x","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yo"}]}' > "$work/records.jsonl"
"$drover" sft model="$chat" dataset="$work/records.jsonl" output_dir="$work/unread" max_steps=1 save_strategy=no disable_tqdm=true \
    2> "$work/err" || fail "ultrachat's record: $(tail -n 1 "$work/err")"
grep -q '^data: not read: column(s) prompt_id$' "$work/err" || fail "unread columns are not told: $(cat "$work/err")"
"$drover" data lint "$work/records.jsonl" > "$work/lint" || fail "lint: $(tail -n 3 "$work/lint")"
grep -q '^columns that are not read: prompt_id 1$' "$work/lint" || fail "lint does not tell unread columns: $(cat "$work/lint")"
printf '{"system":"s","question":"q","chosen":"a","rejected":"b"}\n' > "$work/records.jsonl"
"$drover" dpo model="$chat" dataset="$work/records.jsonl" format=orca output_dir="$work/orca" max_steps=1 save_strategy=no disable_tqdm=true \
    2> "$work/err" || fail "format=orca: $(tail -n 1 "$work/err")"
printf 'model: %s\noutput_dir: %s\ndatasets: [{path: %s, rename: prompt}]\n' "$chat" "$work/bad" "$work/records.jsonl" > "$work/rename.yaml"
refuse "'rename' is not a map" dpo "$work/rename.yaml"
printf 'model: %s\noutput_dir: %s\ndatasets: [{path: %s, rename: {question: chosen}}]\n' "$chat" "$work/bad" "$work/records.jsonl" > "$work/rename.yaml"
refuse "there is a column 'chosen' already" dpo "$work/rename.yaml"
rm -rf "$work/agent" "$work/unread" "$work/orca"

echo "-- adapters of another model"
"$drover" sft model="$model" dataset="$sft" output_dir="$work/lora" max_steps=1 use_peft=true save_strategy=no disable_tqdm=true 2> "$work/err" ||
    fail "no adapter: $(tail -n 1 "$work/err")"
moved() { # moved BASE: the adapter, said to be of another base
    rm -rf "$work/moved"
    cp -r "$work/lora/model" "$work/moved"
    sed -i "s#\"base_model_name_or_path\": \"[^\"]*\"#\"base_model_name_or_path\": \"$1\"#" "$work/moved/adapter_config.json"
}
copy other
printf 'damage' | dd of="$work/other/model.safetensors" bs=1 seek=$(($(wc -c < "$model/model.safetensors") - 6)) conv=notrunc 2> /dev/null
moved "$work/other" # as large, with other weights
refuse 'an adapter for another model: its base has the hash' score --model "$work/moved"
refuse 'an adapter for another model' merge --model "$work/other" --adapter "$work/lora" --out "$work/bad"
refuse 'an adapter for another model: its base has the hash' dpo model="$work/moved" dataset="$pairs" output_dir="$work/bad"
"$drover" world make dir="$work/wide" layers=1 width=64 heads=2 demonstrations=2 pairs=2 train=2 heldout=2 > "$work/log"
moved "$work/wide/model"
refuse 'lora_A.weight is \[.*32\], rank and base model make it \[.*64\]: an adapter for another model' score --model "$work/moved"
moved "$chat"
refuse 'an adapter for another model: .*tokenizer' score --model "$work/moved"
moved "$work/nowhere"
refuse "nowhere' is not here: put it there, or join the two with .drover merge" score --model "$work/moved"
moved "$model"
printf '{' > "$work/moved/adapter_config.json"
refuse 'adapter_config.json' score --model "$work/moved"

echo "-- a weight that is no number: each step is logged and skipped"
copy damaged
printf '\000\000\300\177' | dd of="$work/damaged/model.safetensors" bs=1 seek=$(($(wc -c < "$model/model.safetensors") - 4)) conv=notrunc 2> /dev/null
"$drover" sft model="$work/damaged" dataset="$sft" output_dir="$work/skipped" max_steps=3 save_strategy=no disable_tqdm=true 2> "$work/err" ||
    fail "not a number: $(tail -n 1 "$work/err")"
[ "$(grep -c 'event=gradient step=[123] norm=nan weights left as they are' "$work/err")" -eq 3 ] || fail "not logged: $(cat "$work/err")"
hash=$("$drover" inspect "$work/damaged" | sed -n 's/^weights hash  //p')
grep -q "weights $hash" "$work/err" || fail "weights were changed by what is no number: $(cat "$work/err")"
cases=$((cases + 1))

echo "-- chat templates that cannot be read: words and the line instead of another text in silence"
copy plain
cp "$chat"/* "$work/plain"
talk='{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes"}]}'
unknown() { # unknown TEMPLATE: messages are refused everywhere, text is not
    printf '%s' "$1" > "$work/plain/chat_template.jinja"
    printf '%s\n' "$talk" > "$work/records.jsonl"
    refuse 'records.jsonl:1: .*chat template, line 1: ' sft model="$work/plain" dataset="$work/records.jsonl" output_dir="$work/bad"
    printf '{"prompt":[%s],"chosen":[%s],"rejected":[{"role":"assistant","content":"no"}]}\n' "$user" "$said" > "$work/records.jsonl"
    refuse 'chat template, line 1: ' dpo model="$work/plain" dataset="$work/records.jsonl" output_dir="$work/bad"
    printf '%s\n' "$talk" > "$work/in"
    refuse 'stdin:1: chat template, line 1: ' tokenize --model "$work/plain"
    input '{"prompt":[{"role":"user","content":"hi"}]}\n'
    refuse 'stdin:1: chat template, line 1: ' generate --model "$work/plain" max_new_tokens=2
    input 'hi\n'
    refuse 'chat template, line 1: ' chat --model "$work/plain"
    refuse 'chat_template_path: chat template, line 1: ' chat --model "$chat" chat_template_path="$work/plain/chat_template.jinja"
    input '{"prompt":"q","a":"x","b":"y"}\n'
    refuse 'chat template, line 1: ' judge --model "$work/plain" template="$here/../../examples/judge/pairwise.txt"
    printf '{"prompt":"hi","completion":" a"}\n' > "$work/records.jsonl"
    "$drover" sft model="$work/plain" dataset="$work/records.jsonl" output_dir="$work/text" max_steps=1 save_strategy=no disable_tqdm=true \
        2> "$work/err" || fail "text with an unknown template: $(tail -n 1 "$work/err")"
    grep -q . "$work/text/model/tokenizer_config.json" || fail "no model"
    rm -rf "$work/text"
    cases=$((cases + 1))
}
unknown '{% include "x" %}'
refuse 'no such file or folder, nor the name of a template' chat --model "$chat" chat_template_path=chatlm
printf '%s\n' "$talk" > "$work/in"
"$drover" tokenize --model "$work/plain" chat_template_path=smollm2 < "$work/in" > "$work/named" || fail "a template by its name"
"$drover" tokenize --model "$chat" < "$work/in" > "$work/out" || fail "its own template"
cmp "$work/named" "$work/out" || fail "the named template differs from the model's own"
cp "$chat/chat_template.jinja" "$work/plain/chat_template.jinja"
printf '%s\n' "$talk" > "$work/records.jsonl"
day() { # day ZONE: a run whose template says the date, begun or gone on with where it is that day
    TZ=$1 "$drover" sft model="$chat" chat_template_path=llama3.2 dataset="$work/records.jsonl" output_dir="$work/day" max_steps="$2" \
        save_strategy=steps save_steps=1 disable_tqdm=true resume_from_checkpoint=true 2> "$work/err" || fail "a dated run: $(tail -n 1 "$work/err")"
}
day Etc/GMT+12 1
grep -q 'event=template today=' "$work/err" || fail "the date is not told: $(cat "$work/err")"
day Etc/GMT-14 1 # 26 hours on: another day, the same tokens
grep -q 'already done' "$work/err" || fail "another day, another run: $(cat "$work/err")"
day Etc/GMT-14 2
grep -q 'resumed at step 1' "$work/err" || fail "another day does not go on: $(cat "$work/err")"
rm -rf "$work/day"
refuse "chat_template_kwargs: 'enable_thinking' is not read" sft model="$chat" dataset="$work/records.jsonl" output_dir="$work/bad" chat_template_kwargs.enable_thinking=true

echo "-- lines"
input 'not json\n'
refuse 'stdin:1: not JSON' tokenize --model "$model"
input '{"prompt":"room one"}\n'
refuse 'stdin:1: no `completion`' score --model "$model"
input '{"text":1}\n'
refuse 'stdin:1' tokenize --model "$model"
input '{"messages":[{"role":"user","content":"hi"}]}\n'
refuse 'stdin:1.*chat_template_path=NAME' tokenize --model "$model"
input 'hi\n'
refuse 'chat_template_path=NAME' chat --model "$model"
input '{"prompt":"","completion":"a"}\n'
refuse 'stdin:1.*prompt' score --model "$model"
awk 'BEGIN { printf "{\"prompt\":\"room"; for (i = 0; i < 128; i++) printf " one"; printf "\",\"completion\":\" two\"}\n" }' > "$work/in"
refuse 'stdin:1: prompt of 13[0-9] tokens .* context of 128' generate --model "$model" max_new_tokens=8
refuse 'stdin:1: 13[0-9] tokens .* context of 128' score --model "$model"
input '{"prompt":"room one"}\n'
refuse 'stdin:1: prompt of [0-9]* tokens and max_new_tokens=127 .* context of 128' generate --model "$model" max_new_tokens=127

echo "-- words on the command line"
refuse "'hello' belongs to no key; text goes behind --: drover generate --model M -- hello" generate --model "$model" hello
refuse "'hello' belongs to no key; text goes behind --" generate hello --model "$model"
refuse "belongs to no key; if it is the model: drover chat --model $model" chat "$model"
refuse "belongs to no key; if it is the model" tokenize "$model"
refuse "'b' belongs to no key: expected --key value" score --model "$model" --temperature 1 b
refuse "what stands behind -- is not read here" tokenize --model "$model" -- room
refuse "at most 123 fit" generate --model "$model" max_new_tokens=128 -- room one
"$drover" generate --model "$model" temperature=0 max_new_tokens=3 --stop x y -- room one > "$work/out" 2> "$work/err" ||
    fail "text behind --: $(cat "$work/err")"
input '{"prompt":"room one"}\n'
"$drover" generate --model "$model" temperature=0 max_new_tokens=3 < "$work/in" > "$work/line"
grep -q "\"completion\": *\"$(cat "$work/out")\"" "$work/line" || fail "'$(cat "$work/out")' is not the answer in $(cat "$work/line")"
"$drover" tokenize --add_generation_prompt --model "$model" < /dev/null > "$work/out" 2> "$work/err" || fail "a switch: $(cat "$work/err")"
printf 'seed: 1\n---\nseed: 2\n' > "$work/two.yaml"
refuse 'two.yaml:2: a second document begins' sft "$work/two.yaml" model="$model" dataset="$sft" output_dir="$work/bad"
"$drover" sft model="$model" dataset="$sft" output_dir="$work/told" max_steps=1 save_strategy=no disable_tqdm=true report_to=wandb push_to_hub=true \
    model_revision=v2 hub_model_id=me/it 2> "$work/err" || fail "keys without effect: $(tail -n 1 "$work/err")"
for why in 'report_to reason="no tracker is called' 'push_to_hub reason="nothing is uploaded' 'hub_model_id reason="nothing is uploaded' \
    'model_revision reason="the model is a local path'; do
    grep -q "key=$why" "$work/err" || fail "$why: not in $(cat "$work/err")"
done
rm -rf "$work/told"
"$drover" sft model="$model" dataset="$sft" output_dir="$work/told" max_steps=1 save_strategy=no disable_tqdm=true report_to=none push_to_hub=false \
    bf16=False model_revision=main hub_model_id=null fsdp= dataloader_num_workers=0 remove_unused_columns=true hub_strategy=every_save 2> "$work/err" ||
    fail "keys that ask for nothing: $(tail -n 1 "$work/err")"
! grep 'key=' "$work/err" || fail "a value that asks for nothing is said to be ignored"
rm -rf "$work/told"

echo "-- the length that holds"
lengths() { # lengths 'words' KEY...: a short run says so
    told=$1
    shift
    "$drover" sft model="$model" dataset="$work/records.jsonl" output_dir="$work/length" max_steps=1 save_strategy=no \
        disable_tqdm=true "$@" 2> "$work/err" || fail "lengths: $(tail -n 1 "$work/err")"
    grep -q -- "$told" "$work/err" || fail "sft $*: does not say '$told': $(cat "$work/err")"
    rm -rf "$work/length"
    cases=$((cases + 1))
}
awk 'BEGIN { for (k = 0; k < 3; k++) { printf "{\"text\":\"room"; for (i = 0; i < 140; i++) printf " one"; print "\"}" } }' > "$work/records.jsonl"
lengths "data: 3 records cut at 128 (the model's context; max_length is 1024), 0 left" max_length=1024
lengths 'data: 3 records cut at max_length 64, 0 left' max_length=64
lengths "packing: 3 records in 3 rows of 128 (the model's context; max_length is 1024)$" packing=true
lengths "packing: 4 rows, records divided at 128 (the model's context; max_length is 1024)$" packing=true packing_strategy=wrapped
"$drover" data lint "$work/records.jsonl" model="$model" max_length=1024 > "$work/out" 2>&1 || true
grep -q "1: 1[0-9]* tokens, more than 128: the model's context; max_length is 1024" "$work/out" || fail "lint: $(cat "$work/out")"

echo "-- places"
: > "$work/file"
refuse 'is a file' sft model="$model" dataset="$sft" output_dir="$work/file"
refuse 'file/run' sft model="$model" dataset="$sft" output_dir="$work/file/run"
[ ! -s "$work/file" ] || fail "output_dir was a file and has been written"
copy plain
refuse "output_dir: $work/plain is a model's own folder (it has config.json).*such as $work/plain/run" sft model="$work/plain" dataset="$sft" output_dir="$work/plain"
refuse "is a model's own folder" sft model="$model" dataset="$sft" output_dir="$work/plain" overwrite_output_dir=true
mkdir "$work/one"
cp "$gguf" "$work/one/one.gguf"
refuse "is a model's own folder (it has one.gguf)" sft model="$model" dataset="$sft" output_dir="$work/one"
mkdir "$work/home"
mv "$work/plain" "$work/home/model"
cp "$sft" "$work/home/samples.jsonl"
for input in "model=$work/home/model" "model=$work/home" "model=$work/home/../home/model/"; do
    refuse 'output_dir: the run would replace model .*home' sft "$input" dataset="$sft" output_dir="$work/home" overwrite_output_dir=true
done
refuse 'would replace dataset .*home/samples.jsonl' sft model="$model" dataset="$work/home/samples.jsonl" output_dir="$work/home" overwrite_output_dir=true
refuse 'would replace dataset .*home/samples.jsonl' sft model="$model" datasets="[{path: $work/home/samples.jsonl}]" output_dir="$work/home"
cmp -s "$model/model.safetensors" "$work/home/model/model.safetensors" || fail "the start model was replaced"
[ -s "$work/home/samples.jsonl" ] || fail "the data set was removed"
refuse 'no such subcommand' fly
refuse 'needs .* MB, more than the 100 kB of max_memory.*whatever the batch: only a smaller model' sft model="$model" dataset="$sft" output_dir="$work/bad" max_memory=100KB
HF_ENDPOINT=http://127.0.0.1:9
export HF_ENDPOINT
refuse '127.0.0.1' pull nobody/nothing source=hub to="$work/bad"

echo "-- a full disk"
train() { # train FOLDER: a run that writes a checkpoint a step
    "$drover" sft model="$model" dataset="$sft" output_dir="$1" max_steps=4 save_steps=1 disable_tqdm=true
}
ended() { # ended FOLDER 'words': the last line says so; nothing that looks whole is not
    tail -n 1 "$work/err" | grep -q "$2" || fail "full disk: '$(tail -n 1 "$work/err")' does not say '$2'"
    [ $status -eq 1 ] || fail "full disk: exit $status"
    [ ! -e "$1/model" ] || fail "full disk: a model was left"
    [ -z "$(find "$1" -name '*.tmp*' 2> /dev/null)" ] || fail "full disk: half-written: $(find "$1" -name '*.tmp*')"
    cases=$((cases + 1))
}
# A limit on the size of a file stops a write in the middle, as a full disk does.
status=0
(
    trap '' XFSZ
    ulimit -f 200
    train "$work/limit"
) > "$work/out" 2> "$work/err" || status=$?
ended "$work/limit" 'File too large'
train "$work/limit" 2> "$work/err" || fail "not mended: $(tail -n 1 "$work/err")"
[ -e "$work/limit/model/model.safetensors" ] || fail "no model once there was room"
if unshare -rm true 2> /dev/null; then
    mkdir "$work/disk"
    status=0
    unshare -rm sh -c 'mount -t tmpfs -o size=300k none "$1" && shift && "$@"; s=$?
        find "$work/disk" > "$work/left"; exit $s' x "$work/disk" \
        "$drover" sft model="$model" dataset="$sft" output_dir="$work/disk/run" max_steps=4 save_steps=1 disable_tqdm=true \
        > "$work/out" 2> "$work/err" || status=$?
    ended "$work/disk/run" 'No space left on device'
    grep -q '\.tmp\|/model' "$work/left" && fail "full disk: left $(cat "$work/left")"
else
    echo "   not shown: a full tmpfs (no user namespaces here)"
fi
if [ -e /dev/full ]; then
    printf '{"text":"room"}\n' > "$work/in"
    status=0
    "$drover" tokenize --model "$model" < "$work/in" > /dev/full 2> "$work/err" || status=$?
    ended "$work/nothing" 'No space left on device'
fi
echo "passed: $cases cases"
